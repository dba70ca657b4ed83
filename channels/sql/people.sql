-- name: identities_of
SELECT id, contact, kind FROM identities WHERE id IN (:account, :number);

-- name: has_other_account$
-- Whether a person is known by another id of their own than this one.
SELECT EXISTS (
    SELECT 1 FROM identities WHERE contact = :contact AND kind = 'account' AND id <> :id
);

-- name: know!
-- Somebody's own id stays theirs; a number goes to whoever wrote from it last.
INSERT INTO identities (id, contact, kind) VALUES (:id, :contact, :kind)
ON CONFLICT (id) DO UPDATE SET contact = excluded.contact,
    kind = CASE WHEN identities.kind = 'account' THEN 'account' ELSE excluded.kind END;

-- name: remember_contact^
INSERT INTO contacts (contact, channel, address, first_message_at, last_message_at)
VALUES (:contact, :channel, :address, :now, :now)
-- Changes nothing of a known contact, but holds their row until the transaction ends.
ON CONFLICT (contact) DO UPDATE SET channel = excluded.channel
RETURNING opted_out_at;

-- name: note_message!
-- Whoever writes can be reached again.
UPDATE contacts SET address = :address, last_message_at = :now, unreachable = ''
WHERE contact = :contact;

-- name: contact^
SELECT contact, channel, opted_out_at, told_later_at, apologised_at, last_message_at,
    voice_preference
FROM contacts WHERE contact = :contact;

-- name: was_told$
-- Whether a reply that said it has left and, as far as is known, arrived.
SELECT EXISTS (
    SELECT 1 FROM turns JOIN outbox ON outbox.turn_id = turns.id
    WHERE turns.contact = :contact AND turns.disclosed <> ''
        AND outbox.status = 'sent' AND outbox.delivery NOT IN ('failed', 'undelivered')
        AND (NOT :aloud OR (turns.disclosed = 'voice' AND outbox.form <> 'text'))
);

-- name: opt_out!
UPDATE contacts SET opted_out_at = :now WHERE contact = :contact;

-- name: opt_in!
UPDATE contacts SET opted_out_at = NULL WHERE contact = :contact;

-- name: silence_waiting!
UPDATE inbox SET answer = '' WHERE contact = :contact AND turn_id IS NULL AND answer IS NULL;

-- name: drop_turn!
UPDATE turns SET status = 'dropped', finished_at = :now WHERE contact = :contact AND status = 'open';

-- name: drop_parts!
UPDATE outbox SET status = 'dropped' WHERE contact = :contact AND status IN ('pending', 'sending');

-- name: answers_since$
-- How many answers a contact was given, or is being given, in a stretch of time.
SELECT (
    SELECT COUNT(*) FROM turns WHERE contact = :contact AND sealed_at > :since AND sealed_at <= :now
        AND status IN ('open', 'done', 'failed') AND id <> :turn_id
) + (
    SELECT COUNT(*) FROM inbox
    WHERE contact = :contact AND received_at > :since AND received_at <= :now AND answer <> ''
);

-- name: last_reply
-- The parts of the latest reply that left.
SELECT body, sent_at FROM outbox WHERE status = 'sent' AND turn_id = (
    SELECT turn_id FROM outbox WHERE contact = :contact AND status = 'sent'
    ORDER BY position DESC LIMIT 1
) ORDER BY position;

-- name: last_answer^
-- What the contact was last answered with at the door.
SELECT answer, received_at FROM inbox WHERE contact = :contact AND answer <> ''
ORDER BY received_at DESC LIMIT 1;

-- name: was_answered_since$
SELECT EXISTS (
    SELECT 1 FROM inbox
    WHERE contact = :contact AND answer = :answer AND answer <> '' AND received_at > :since
);

-- name: note_voice_preference!
UPDATE contacts SET voice_preference = :preference WHERE contact = :contact;

-- name: note_later!
UPDATE contacts SET told_later_at = :now WHERE contact = :contact;

-- name: note_apology!
UPDATE contacts SET apologised_at = :now WHERE contact = :contact;

-- name: note_unreachable!
UPDATE contacts SET unreachable = :code WHERE contact = :contact;
