package sim

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// world is the environment of a simulated run: a project's directory, and Cloudflare without a
// network. Its time is the time of a synctest bubble.
type world struct {
	*testing.T
	dir    string
	server *emulator.Server
	values map[string]bool   // every value ever sent or in a file
	known  map[string]string // the value of a secret, by id and modified
	log    bytes.Buffer      // the history, printed on failure

	mu            sync.Mutex
	trouble       func(r *http.Request) emulator.Fault // nil for none
	count         int                                  // requests of this run
	writes        int                                  // those that are writes
	replacedLocks int                                  // of all runs
	faults        int                                  // requests with faults, of all runs
	replace       *replacement                         // nil: nothing is replaced in this run
	before        []byte                               // the lockfile as this run found it
	kill          *kill                                // nil if this run is not killed
}

// kill is a SIGKILL when a request arrives, or after it took effect but before its answer.
// The program leaves behind what the directory holds then.
type kill struct {
	at    int
	after bool
	stop  func() // ends the run: its later changes are undone
	dead  bool
	left  map[string][]byte
}

func newWorld(t *testing.T, opts emulator.Options) *world {
	w := &world{T: t, dir: t.TempDir(), values: map[string]bool{}, known: map[string]string{}}
	opts.RateLimit = -1
	opts.Fault = func(r *http.Request) emulator.Fault {
		f, _ := r.Context().Value(faultKey{}).(emulator.Fault)
		return f
	}
	s, err := emulator.New(opts)
	program.Must(t, err)
	w.server = s
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", w.log.String())
		}
	})
	return w
}

type faultKey struct{}

var errDead = errors.New("the program is dead")

// RoundTrip implements http.RoundTripper.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	fault, err := w.meet(r, body)
	if err != nil {
		return nil, err
	}
	return w.serve(r, body, fault)
}

// meet decides what happens to a request.
func (w *world) meet(r *http.Request, body []byte) (fault emulator.Fault, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.learn(body)
	if w.kill != nil && w.kill.dead {
		return fault, errDead
	}
	if w.count++; w.kill != nil && w.kill.at == w.count {
		w.die(r, body)
		return fault, errDead
	}
	if w.replace != nil && w.replace.at == w.count {
		fmt.Fprintf(&w.log, "-- %s %s: the lockfile is replaced, kind %d\n", r.Method, r.URL.Path, w.replace.how)
		w.replaceLock(w.replace.how, w.before)
	}
	if w.trouble != nil {
		fault = w.trouble(r)
	}
	if r.Method != http.MethodGet {
		w.writes++
	}
	if fault.Kind != "" {
		w.faults++
	}
	fmt.Fprintf(&w.log, "-- %s %s %v\n", r.Method, r.URL.Path, fault)
	return fault, nil
}

// die kills the run at this request.
func (w *world) die(r *http.Request, body []byte) {
	if w.kill.after {
		if res, err := w.serve(r, body, emulator.Fault{}); err == nil {
			_ = res.Body.Close()
		}
	}
	fmt.Fprintf(&w.log, "-- %s %s: killed, done %v\n", r.Method, r.URL.Path, w.kill.after)
	w.kill.dead, w.kill.left = true, w.snapshot()
	w.kill.stop()
}

// serve has the emulator answer, as its fault allows.
func (w *world) serve(r *http.Request, body []byte, fault emulator.Fault) (res *http.Response, err error) {
	rec := httptest.NewRecorder()
	served := r.Clone(context.WithValue(r.Context(), faultKey{}, fault))
	served.Body = io.NopCloser(bytes.NewReader(body))
	defer func() {
		if p := recover(); p == nil {
			res = rec.Result()
		} else if cut := rec.Body.Bytes(); len(cut) > 0 {
			res = rec.Result()
			res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(cut), iotest.ErrReader(io.ErrUnexpectedEOF)))
		} else {
			err = io.ErrUnexpectedEOF
		}
	}()
	w.server.ServeHTTP(rec, served)
	return nil, nil
}

// learn records the values in a request's body.
func (w *world) learn(body []byte) {
	for _, v := range program.SentValues(body) {
		w.values[v] = true
	}
}

// snapshot reads the project's directory, in whatever state it is.
func (w *world) snapshot() map[string][]byte {
	files := map[string][]byte{}
	entries, err := os.ReadDir(w.dir)
	program.Must(w.T, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(w.dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) { // renamed meanwhile
			continue
		}
		program.Must(w.T, err)
		files[e.Name()] = data
	}
	return files
}

// restore restores the directory to a snapshot.
func (w *world) restore(files map[string][]byte) {
	for name := range w.snapshot() {
		if _, was := files[name]; !was {
			program.Must(w.T, os.Remove(filepath.Join(w.dir, name)))
		}
	}
	for name, data := range files {
		program.Must(w.T, os.WriteFile(filepath.Join(w.dir, name), data, 0o600))
	}
}

func (w *world) write(name, text string) {
	program.Must(w.T, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// run runs the program, and returns its exit code (-1 if it was killed) and all its output.
func (w *world) run(k *kill, trouble func(*http.Request) emulator.Fault, args ...string) (code int, said string) {
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	if k != nil {
		k.stop = cancel
	}
	w.mu.Lock()
	w.kill, w.trouble, w.count, w.writes, w.before = k, trouble, 0, 0, w.readLock()
	w.mu.Unlock()
	env := map[string]string{"CLOUDFLARE_API_BASE_URL": "http://127.0.0.1/client/v4", "CLOUDFLARE_API_TOKEN": "t"}
	fmt.Fprintf(&w.log, "== %s: %v\n", time.Now().Format(time.DateTime), args)
	code, said = program.Program{Env: env, Transport: w}.Run(ctx, append(args, "-f", filepath.Join(w.dir, "secretsync.yaml"))...)
	if k != nil && k.dead {
		code = -1
		w.restore(k.left)
	}
	w.mu.Lock()
	w.kill, w.trouble, w.replace = nil, nil, nil
	w.mu.Unlock()
	fmt.Fprintf(&w.log, "%s== exit code %d\n", said, code)
	w.checkSaid([]byte(said))
	w.rejoin(w.before)
	if _, err := lockfile.Read(filepath.Join(w.dir, "secretsync.lock")); err != nil {
		w.Fatalf("the lockfile: %v", err)
	}
	return code, said
}

// checkSaid searches output for values.
func (w *world) checkSaid(out []byte) {
	for v := range w.values {
		for _, form := range []string{v, hex.EncodeToString([]byte(v)), base64.StdEncoding.EncodeToString([]byte(v))} {
			if bytes.Contains(out, []byte(form)) {
				w.Fatal("a value was printed")
			}
		}
	}
}

// live is a secret in Cloudflare with its value, which only a test can know.
type live struct {
	ID, Name, Comment, Modified string
	Scopes                      []string
	value                       string
}

// place identifies a secret: its store and name.
type place struct{ account, store, name string }

// send sends a request that no fault affects.
func (w *world) send(account, method, path string, body, result any) {
	w.Helper()
	data, err := json.Marshal(body)
	program.Must(w.T, err)
	w.learn(data)
	r := httptest.NewRequest(method, "/client/v4/accounts/"+account+"/secrets_store"+path, bytes.NewReader(data))
	r.Header.Set("Authorization", "Bearer dashboard")
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	var envelope struct {
		Success bool
		Result  json.RawMessage
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &envelope); err != nil || !envelope.Success {
		w.Fatalf("%s %s: %s", method, path, rec.Body.String())
	}
	if result != nil {
		program.Must(w.T, json.Unmarshal(envelope.Result, result))
	}
}

// truth is everything in an account.
func (w *world) truth(accounts ...string) map[place]live {
	all := map[place]live{}
	for _, account := range accounts {
		var stores []struct{ ID, Name string }
		w.send(account, http.MethodGet, "/stores?per_page=100", nil, &stores)
		for _, st := range stores {
			var secrets []live
			w.send(account, http.MethodGet, "/stores/"+st.ID+"/secrets?per_page=100", nil, &secrets)
			for _, l := range secrets {
				key := l.ID + l.Modified
				for v := range w.values {
					if w.known[key] == "" && w.server.HasValue(account, st.Name, l.Name, []byte(v)) {
						w.known[key] = v
					}
				}
				l.value = w.known[key]
				all[place{account, st.Name, l.Name}] = l
			}
		}
	}
	return all
}
