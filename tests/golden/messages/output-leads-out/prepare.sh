ln -s .. up
