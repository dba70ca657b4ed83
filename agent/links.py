"""What a phone makes a link of though nobody wrote a scheme: a bare domain."""

_ENDINGS = "com|net|org|br|io|app|dev|link|info|xyz|ly|site|online|shop|store"

#: A pattern, to be used without regard to case: an ending that is hardly a word, and whatever
#: follows it as more of the name, for `example.org.ru` is nobody's `example.org`.
BARE_DOMAIN = rf"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:{_ENDINGS})(?:\.[a-z]{{2,24}})*(?![\w-])"
