mkdir d; ln -s d e
