// Command devboxd serves /healthz and /version. With -check it asks a running devboxd for its health instead, so that
// an image without curl can have a health check.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"example.com/go-devbox/internal/service"
)

// Set by the linker: see the Dockerfile.
var (
	version = "dev"
	libc    = "unknown"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	check := flag.Bool("check", false, "ask the service at the address for its health")
	flag.Parse()

	if *check {
		os.Exit(askHealth("http://" + *address + "/healthz"))
	}
	log.Printf("devboxd %s (%s) on %s", version, libc, *address)
	log.Fatal(http.ListenAndServe(*address, service.New(service.Build{Version: version, Libc: libc})))
}

// askHealth prints the answer and returns the exit code of a health check.
func askHealth(url string) int {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer answer.Body.Close()
	_, _ = io.Copy(os.Stdout, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}
