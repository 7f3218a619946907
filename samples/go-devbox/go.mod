module example.com/go-devbox

go 1.19

require example.com/probe v1.0.0
