package emulator

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Embedded is a [Server] that listens in this process.
type Embedded struct {
	*Server
	baseURL string
	stop    func()
}

// Embed starts a server on a free loopback port.
func Embed(ctx context.Context, opts Options) (*Embedded, error) {
	return Listen(ctx, "127.0.0.1:0", opts)
}

// Listen starts a server on a loopback address, such as "127.0.0.1:8787" or "localhost:0";
// port 0 chooses a free one. It refuses any other address, because the emulator does not
// protect anything. The context only applies to the start: the server runs until
// [Embedded.Stop], so that an interrupted apply can finish.
func Listen(ctx context.Context, addr string, opts Options) (*Embedded, error) {
	addr, err := loopback(addr)
	if err != nil {
		return nil, err
	}
	s, err := New(opts)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("the emulator cannot listen on %q: %w", addr, err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	return &Embedded{s, "http://" + listener.Addr().String() + "/client/v4", sync.OnceFunc(func() {
		_ = s.Close() // nothing is lost: every change is already in the state file
		_ = server.Close()
		<-served
	})}, nil
}

// loopback checks an address to listen on.
func loopback(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%q is not an address to listen on: want 127.0.0.1:PORT", addr)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever this machine resolves it to
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("the emulator listens on loopback addresses only, not on %q: want 127.0.0.1:PORT", addr)
	}
	return net.JoinHostPort(host, port), nil
}

// BaseURL replaces https://api.cloudflare.com/client/v4 for clients.
func (e *Embedded) BaseURL() string { return e.baseURL }

// Stop stops the server and closes the remaining connections. It may be called more than
// once.
func (e *Embedded) Stop() { e.stop() }
