-- name: insert_message!
INSERT INTO inbox (id, contact, received_at, message, answer)
VALUES (:id, :contact, :now, :message, :answer)
ON CONFLICT (id) DO NOTHING;

-- name: stored_answer^
SELECT answer, received_at FROM inbox WHERE id = :id;

-- name: messages_of_turn
-- Without those that were met with silence.
SELECT id, message, received_at, answer FROM inbox
WHERE turn_id = :turn_id AND (answer IS NULL OR answer <> '') ORDER BY position;

-- name: waiting_messages
SELECT id, message, received_at, answer FROM inbox
WHERE contact = :contact AND turn_id IS NULL AND answer IS NULL ORDER BY position;

-- name: words_of_part$
SELECT body FROM outbox WHERE contact = :contact AND provider_id = :provider_id;

-- name: words_of_message$
SELECT message FROM inbox WHERE contact = :contact AND id = :id;

-- name: has_news$
-- Whether messages are in no turn yet that came after a position.
SELECT EXISTS (
    SELECT 1 FROM inbox
    WHERE contact = :contact AND turn_id IS NULL AND answer IS NULL AND position > :after
);

-- name: take_messages!
-- Give a turn its messages up to one of them, with the shortcuts answered before it.
UPDATE inbox SET turn_id = :turn_id
WHERE contact = :contact AND turn_id IS NULL
  AND position <= (SELECT position FROM inbox WHERE id = :last_id);

-- name: recent_messages
-- The contact's latest messages, each with how far its turn is.
SELECT inbox.id, message, received_at, answer, turn_id, status, sealed_at, finished_at
FROM inbox LEFT JOIN turns ON turns.id = inbox.turn_id
WHERE inbox.contact = :contact ORDER BY position DESC LIMIT :limit;
