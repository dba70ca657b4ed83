-- name: insert_media!
-- Where the bytes are a file; `postgres.insert_media` keeps them in the row.
INSERT INTO media (name, content_type, words, created_at)
VALUES (:name, :content_type, :words, :now);

-- name: media^
SELECT content_type, words, created_at FROM media WHERE name = :name;

-- name: names_of_media
SELECT name FROM media;

-- name: expired_media
SELECT name FROM media WHERE created_at < :before;

-- name: delete_media!
DELETE FROM media WHERE created_at < :before;

-- name: oldest_media$
SELECT MIN(created_at) FROM media;

-- name: oldest_files$
-- Since when the channel keeps a contact's file for us that nobody needs any more.
SELECT MIN(received_at) FROM inbox
WHERE files_kept AND (
    answer IS NOT NULL
    OR EXISTS (SELECT 1 FROM turns WHERE turns.id = inbox.turn_id AND turns.status <> 'open')
);

-- name: old_files
-- Messages whose files the channel still keeps, and whose turn is over, in order of arrival.
SELECT position, message FROM inbox
WHERE files_kept AND received_at < :before AND position > :after AND (
    answer IS NOT NULL
    OR EXISTS (SELECT 1 FROM turns WHERE turns.id = inbox.turn_id AND turns.status <> 'open')
)
ORDER BY position LIMIT :limit;

-- name: note_files!
UPDATE inbox SET files_kept = TRUE WHERE id = :id;

-- name: note_files_gone!
UPDATE inbox SET files_kept = FALSE WHERE position = :position;
