-- name: insert_part!
INSERT INTO outbox (id, turn_id, contact, body, created_at, due_at, noted_at)
VALUES (:id, :turn_id, :contact, :body, :now, :now, :now);

-- name: next_part^
SELECT outbox.id, turn_id, outbox.contact, channel, address, body, status, due_at, noted_at,
    attempts, sending_at, created_at
FROM outbox JOIN contacts USING (contact)
WHERE outbox.contact = :contact AND status IN ('pending', 'sending')
ORDER BY position LIMIT 1;

-- name: mark_sending!
-- Should this end in doubt, it is looked up from the first attempt's time on, after `due_at`.
UPDATE outbox SET status = 'sending', attempts = attempts + 1,
    sending_at = COALESCE(sending_at, :now), due_at = :due_at, noted_at = :now
WHERE id = :id AND attempts = :attempts AND status IN ('pending', 'sending');

-- name: mark_sent!
UPDATE outbox SET status = 'sent', provider_id = :provider_id, sent_at = :now, error = ''
WHERE id = :id;

-- name: mark_delayed!
UPDATE outbox SET status = :status, due_at = :due_at, noted_at = :now,
    attempts = :attempts, error = :error
WHERE id = :id;

-- name: mark_failed!
-- A part that cannot be sent takes the rest of its reply with it: half an answer misleads.
UPDATE outbox SET status = 'failed', error = :error
WHERE turn_id = :turn_id AND status IN ('pending', 'sending');

-- name: known_ids
SELECT provider_id FROM outbox WHERE contact = :contact AND status = 'sent'
ORDER BY position DESC LIMIT 50;

-- name: recent_parts
SELECT position, id, turn_id, body, status, created_at, sent_at FROM outbox
WHERE contact = :contact ORDER BY position DESC LIMIT :limit;
