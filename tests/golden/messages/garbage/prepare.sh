# 10 MB of bytes that look random and are the same every time.
head -c 10000000 /dev/zero | openssl enc -aes-128-ctr -nosalt -pbkdf2 -pass pass:garbage >trilock.toml
