chmod 000 secret.txt
