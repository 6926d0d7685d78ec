package preview

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/secretsync/secretsync/internal/witness/witnesstest"
)

// ErrNotFound is a [Reader]'s error for a secret that does not exist.
var ErrNotFound = errors.New("not found")

// newDouble returns the double of secretsync's witness, with a Worker's bindings.
func (s *Set) newDouble(p *preview) *witnesstest.Worker {
	d := &witnesstest.Worker{Texts: p.worker.Texts, Secrets: map[string]func() (string, error){}, Now: s.opts.Now}
	for _, b := range p.worker.Secrets {
		d.Secrets[b.Name] = func() (string, error) {
			value, err := p.read(b)
			if errors.Is(err, ErrNotFound) {
				err = witnesstest.ErrNotFound
			}
			return value, err
		}
	}
	return d
}

// serveDouble answers as secretsync's witness would, without running it. It cannot replace other
// Workers.
func (s *Set) serveDouble(w http.ResponseWriter, r *http.Request, p *preview) {
	if !witnesstest.IsWitness(p.worker.Modules[0].Content) {
		http.Error(w, "the emulator runs Workers other than secretsync's witness only where Node.js and wrangler (or miniflare) "+
			"are installed", http.StatusNotImplemented)
		return
	}
	p.doubled.Do(func() {
		p.double = s.newDouble(p)
		s.opts.Log.Info("preview", slog.String("worker", p.worker.Name), slog.String("runtime", "double"))
	})
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client disconnected
	}
	status, answer := p.double.Post(r.Method, body)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}
