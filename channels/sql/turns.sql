-- name: contacts_with_work
SELECT contact FROM inbox WHERE turn_id IS NULL AND answer IS NULL
UNION SELECT contact FROM turns WHERE status = 'open'
UNION SELECT contact FROM outbox WHERE status IN ('pending', 'sending')
UNION SELECT contact FROM outbox
    WHERE status = 'sent' AND delivery IN ('failed', 'undelivered');

-- name: any_owed$
-- Whether `contacts_with_work` would find anybody.
SELECT EXISTS (SELECT 1 FROM inbox WHERE turn_id IS NULL AND answer IS NULL)
    OR EXISTS (SELECT 1 FROM turns WHERE status = 'open')
    OR EXISTS (SELECT 1 FROM outbox WHERE status IN ('pending', 'sending'))
    OR EXISTS (
        SELECT 1 FROM outbox WHERE status = 'sent' AND delivery IN ('failed', 'undelivered')
    );

-- name: contacts_with_news
-- Whose messages came after a position (also one that asks to be left alone: it may end a turn),
-- and whose parts were reported not to have arrived.
SELECT contact, MAX(position) AS position FROM inbox
WHERE position > :after AND (
    (turn_id IS NULL AND answer IS NULL)
    OR received_at = (SELECT opted_out_at FROM contacts WHERE contacts.contact = inbox.contact)
) GROUP BY contact
UNION ALL SELECT contact, 0 FROM outbox
    WHERE status = 'sent' AND delivery IN ('failed', 'undelivered') GROUP BY contact;

-- name: last_position$
SELECT COALESCE(MAX(position), 0) FROM inbox;

-- name: open_turn^
SELECT turns.id, turns.contact, contacts.channel, due_at, noted_at, attempts, failures, restarts,
    restarted_at, sealed_position, (
        SELECT MIN(received_at) FROM inbox WHERE turn_id = turns.id AND answer IS NULL
    ) AS asked_at
FROM turns JOIN contacts USING (contact) WHERE turns.contact = :contact AND status = 'open';

-- name: insert_turn!
INSERT INTO turns (id, contact, sealed_at, sealed_position, due_at, noted_at)
VALUES (:turn_id, :contact, :now, (
    SELECT MAX(position) FROM inbox WHERE contact = :contact
), :now, :now);

-- name: begin_attempt!
UPDATE turns SET attempts = attempts + 1 WHERE id = :turn_id AND status = 'open';

-- name: postpone!
UPDATE turns SET due_at = :due_at, noted_at = :now WHERE id = :turn_id AND status = 'open';

-- name: restart_turn!
UPDATE turns SET due_at = :due_at, noted_at = :now, restarts = restarts + 1, restarted_at = :now
WHERE id = :turn_id AND status = 'open';

-- name: record_failure!
UPDATE turns SET due_at = :due_at, noted_at = :now, failures = failures + 1, error = :error
WHERE id = :turn_id AND status = 'open';

-- name: close_turn!
UPDATE turns SET status = :status, finished_at = :now, error = :error, route = :route,
    sources = :sources, model = :model, seconds = :seconds, usage = :usage,
    hand_over = :hand_over, disclosed = :disclosed
WHERE id = :turn_id AND status = 'open';

-- name: turn_trace^
SELECT status, route, sources, model, seconds, usage, error FROM turns
WHERE id = :turn_id AND contact = :contact;

-- name: hand_overs_untold
-- Who asked for the person lately while the operator has not been told of it.
SELECT id FROM turns WHERE hand_over AND told_at IS NULL AND sealed_at > :since ORDER BY sealed_at;

-- name: note_hand_over_told!
UPDATE turns SET told_at = :now WHERE id = :turn_id;
