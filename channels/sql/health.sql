-- name: troubled_turns
-- Turns without a reply, by what became of them and why.
SELECT status, error, COUNT(*) AS turns, MAX(finished_at) AS latest
FROM turns WHERE status IN ('failed', 'held') GROUP BY status, error ORDER BY latest DESC;

-- name: troubled_parts
-- Parts of replies that could not be sent, by the reason.
SELECT error, COUNT(*) AS parts, MAX(created_at) AS latest
FROM outbox WHERE status = 'failed' GROUP BY error ORDER BY latest DESC;

-- name: waiting_since^
-- How many messages wait for a reply, and since when the oldest does.
SELECT COUNT(*) AS messages, MIN(received_at) AS oldest
FROM inbox LEFT JOIN turns ON turns.id = inbox.turn_id
WHERE inbox.answer IS NULL AND (inbox.turn_id IS NULL OR turns.status = 'open');

-- name: integrity$
PRAGMA quick_check(1);
