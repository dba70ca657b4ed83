-- name: insert_part!
INSERT INTO outbox (id, turn_id, contact, body, form, media, attempts, sending_at,
    created_at, due_at, noted_at)
VALUES (:id, :turn_id, :contact, :body, :form, :media, :attempts, :sending_at,
    :created_at, :due_at, :now);

-- name: next_part^
-- The contact's first part that has not left, or has left and did not arrive.
SELECT outbox.id, turn_id, outbox.contact, channel, address, body, form, media, status, due_at,
    noted_at, attempts, sending_at, sent_at, created_at, provider_id, delivery_error, last_message_at,
    opted_out_at
FROM outbox JOIN contacts USING (contact)
WHERE outbox.contact = :contact AND (
    status IN ('pending', 'sending')
    OR (status = 'sent' AND delivery IN ('failed', 'undelivered'))
)
ORDER BY position LIMIT 1;

-- name: mark_sending!
-- Should this end in doubt, it is looked up from the first attempt's time on, after `due_at`.
UPDATE outbox SET status = 'sending', attempts = attempts + 1,
    sending_at = COALESCE(sending_at, :now), due_at = :due_at, noted_at = :now
WHERE id = :id AND attempts = :attempts AND status IN ('pending', 'sending');

-- name: mark_sent!
-- Whatever was decided meanwhile, the channel has it.
UPDATE outbox SET status = CASE WHEN status = 'replaced' THEN status ELSE 'sent' END,
    provider_id = :provider_id, sent_at = :now, error = ''
WHERE id = :id AND provider_id = '';

-- name: mark_delayed!
UPDATE outbox SET status = :status, due_at = :due_at, noted_at = :now,
    attempts = :attempts, error = :error
WHERE id = :id AND status IN ('pending', 'sending');

-- name: mark_closed!
-- A part that did not reach the contact takes the rest of its reply with it: half an answer misleads.
-- What the contact's wish has dropped stays dropped.
UPDATE outbox SET status = :status, error = :error
WHERE turn_id = :turn_id AND status <> 'dropped'
    AND (id = :id OR status IN ('pending', 'sending'));

-- name: close_all_parts!
UPDATE outbox SET status = 'failed', error = :error
WHERE contact = :contact AND status IN ('pending', 'sending');

-- name: part_status$
SELECT status FROM outbox WHERE id = :id;

-- name: mark_ended!
UPDATE outbox SET status = :status, error = :error WHERE id = :id;

-- name: rest_of_reply
-- The parts of a reply that wait behind one of them.
SELECT id, body, form, media, attempts, sending_at, created_at, due_at FROM outbox
WHERE turn_id = :turn_id AND id <> :id AND status = 'pending' ORDER BY position;

-- name: known_ids
SELECT provider_id FROM outbox WHERE contact = :contact AND provider_id <> ''
ORDER BY position DESC LIMIT 50;

-- name: reported_part^
SELECT contact, status, provider_id FROM outbox WHERE id = :id;

-- name: note_delivery!
-- Reports come in any order and more than once: only one that goes further counts.
UPDATE outbox SET delivery = :status, delivery_rank = :rank, delivery_error = :error,
    delivery_at = :now
WHERE id = :id AND delivery_rank < :rank;

-- name: recent_parts
SELECT position, id, turn_id, body, form, media, status, created_at, sent_at FROM outbox
WHERE contact = :contact ORDER BY position DESC LIMIT :limit;
