-- name: troubled_turns
-- Turns without a reply, by what became of them and why.
SELECT status, error, COUNT(*) AS turns, MAX(finished_at) AS latest
FROM turns WHERE status IN ('failed', 'held') GROUP BY status, error ORDER BY latest DESC;

-- name: troubled_parts
-- Parts of replies that did not reach the contact, by what became of them and why.
SELECT status, error, COUNT(*) AS parts, MAX(created_at) AS latest
FROM outbox WHERE status IN ('failed', 'held') GROUP BY status, error ORDER BY latest DESC;

-- name: waiting_since^
-- How many messages wait for a reply, and since when the oldest does.
SELECT COUNT(*) AS messages, MIN(received_at) AS oldest
FROM inbox LEFT JOIN turns ON turns.id = inbox.turn_id
WHERE inbox.answer IS NULL AND (inbox.turn_id IS NULL OR turns.status = 'open');

-- name: whatsapp_progress^
-- When a message last came by WhatsApp, a reply was last accepted, and one last delivered.
SELECT (SELECT MAX(last_message_at) FROM contacts WHERE channel = 'whatsapp') AS received_at,
    MAX(sent_at) AS accepted_at,
    MAX(CASE WHEN delivery IN ('delivered', 'read') THEN delivery_at END) AS delivered_at
FROM outbox JOIN contacts USING (contact) WHERE channel = 'whatsapp';

-- name: latest_refusal$
-- The channel's code for the last part that it took and could not deliver.
SELECT delivery_error FROM outbox WHERE delivery IN ('failed', 'undelivered')
ORDER BY delivery_at DESC LIMIT 1;

-- name: integrity$
PRAGMA quick_check(1);
