-- name: known_contacts
-- Everybody who ever wrote, the latest first, with what the owner may want to know of them.
-- Answers are counted as the flood guard counts them.
SELECT contact, channel, address, first_message_at, last_message_at, opted_out_at, unreachable, (
    SELECT MAX(sealed_at) FROM turns WHERE turns.contact = contacts.contact AND hand_over
) AS asked_at, (
    SELECT COUNT(*) FROM turns WHERE turns.contact = contacts.contact
        AND sealed_at > :minute_ago AND sealed_at <= :now
        AND status IN ('open', 'done', 'failed')
) + (
    SELECT COUNT(*) FROM inbox WHERE inbox.contact = contacts.contact
        AND received_at > :minute_ago AND received_at <= :now AND answer <> ''
) AS answers_in_minute, (
    SELECT COUNT(*) FROM turns WHERE turns.contact = contacts.contact
        AND sealed_at > :day_ago AND sealed_at <= :now
        AND status IN ('open', 'done', 'failed')
) + (
    SELECT COUNT(*) FROM inbox WHERE inbox.contact = contacts.contact
        AND received_at > :day_ago AND received_at <= :now AND answer <> ''
) AS answers_in_day
FROM contacts ORDER BY last_message_at DESC, contact;

-- name: contact_of_turn$
SELECT contact FROM turns WHERE id = :turn_id;

-- name: contacts_in_sum^
SELECT COUNT(*) AS known, COUNT(opted_out_at) AS opted_out FROM contacts;

-- name: unreachable_contacts
-- How many the channel cannot reach, by its code.
SELECT unreachable AS code, COUNT(*) AS contacts
FROM contacts WHERE unreachable <> '' GROUP BY unreachable ORDER BY contacts DESC, code;

-- name: asked_for_person^
-- How many asked for the person themselves since a time, and when the last of them did.
SELECT COUNT(DISTINCT contact) AS contacts, MAX(sealed_at) AS latest
FROM turns WHERE hand_over AND sealed_at > :since;
