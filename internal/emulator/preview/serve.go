package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
)

// maxRunning is the maximum number of Workers that run at once. The least recently used ones are
// stopped, and start again with their next request.
const maxRunning = 8

// serve runs a preview's Worker.
func (s *Set) serve(w http.ResponseWriter, r *http.Request, p *preview) {
	if len(s.opts.Dirs) == 0 {
		s.serveDouble(w, r, p)
		return
	}
	process, err := s.start(p)
	switch {
	case errors.Is(err, errNotInstalled):
		s.serveDouble(w, r, p)
	case err != nil:
		s.opts.Log.Error("preview", slog.String("worker", p.worker.Name), slog.String("error", err.Error()))
		http.Error(w, "error code: 1101", http.StatusInternalServerError)
	default:
		process.proxy(w, r)
	}
}

// start returns the process that runs a preview's Worker with the current values of its
// secrets: a value that changed takes effect at the next request.
func (s *Set) start(p *preview) (*process, error) {
	s.use(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	secrets := p.secrets()
	runs := identify(secrets)
	if p.process != nil && p.runs == runs && p.process.alive() {
		return p.process, nil
	}
	p.halt()
	process, err := run(s.opts.Dirs, p.worker, secrets)
	if err != nil {
		return nil, err
	}
	s.opts.Log.Info("preview", slog.String("worker", p.worker.Name), slog.String("runtime", "workerd of "+process.by))
	p.process, p.runs = process, runs
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		p.halt()
		return nil, errors.New("the emulator is closed")
	}
	return process, nil
}

// use marks a preview as used, and stops the least recently used beyond maxRunning.
func (s *Set) use(p *preview) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = append(slices.DeleteFunc(s.running, func(o *preview) bool { return o == p }), p)
	for len(s.running) > maxRunning {
		go s.running[0].stop()
		s.running = slices.Delete(s.running, 0, 1)
	}
}

// secrets reads what the Worker's bindings currently resolve to.
func (p *preview) secrets() []jobSecret {
	var all []jobSecret
	for _, b := range p.worker.Secrets {
		js := jobSecret{Binding: b.Name, StoreID: b.StoreID, Name: b.SecretName}
		switch value, err := p.read(b); {
		case errors.Is(err, ErrNotFound): // as in a store without it
		case err != nil:
			js.Error = err.Error()
		default:
			js.Value = &value
		}
		all = append(all, js)
	}
	return all
}

// identify returns a text that differs if the values do.
func identify(secrets []jobSecret) string {
	text, err := json.Marshal(secrets)
	if err != nil {
		return "" // texts always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (p *preview) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt()
}

// halt stops the process, if there is one. The caller holds p.mu.
func (p *preview) halt() {
	if p.process != nil {
		p.process.stop()
		p.process = nil
	}
}
