//go:build unix

package machines

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/test/program"
	"github.com/secretsync/secretsync/test/s3test"
)

// machine is a folder with a copy of the manifest, and two proxies: to the API, and to the bucket.
type machine struct {
	*program.Project
	name        string
	w           *world
	api, bucket *proxy

	mu   sync.Mutex
	run  *run // the current or the last one
	runs int
	// base is the lockfile as it was pulled from git.
	base []byte
}

// run is one run of the program on a machine. The world's mutex guards what the judge knows.
type run struct {
	name        string
	trouble     trouble
	parallelism int

	lost             time.Time // when the lease was released, or taken over
	stopped, resumed time.Time
	unsent           int // requests that may have been about to be sent when it was stopped
	after            int // requests that were sent after it was stopped and lost the lease
	inFlight         int // writing requests to the API without an answer

	mu      sync.Mutex
	process *exec.Cmd
	killed  bool
	paused  chan struct{} // closed when it goes on; nil if it is never stopped
}

func (r *run) String() string { return r.name }

// signal sends a signal to the process, if it still runs.
func (r *run) signal(s syscall.Signal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil || r.killed {
		return false
	}
	r.killed = s == syscall.SIGKILL
	return r.process.Process.Signal(s) == nil
}

func newMachine(t *testing.T, w *world, name string, seed uint64) *machine {
	m := &machine{Project: program.NewProject(t, ""), name: name, w: w, run: &run{name: name + "0"}}
	m.api = newProxy(t, m, w.serveAPI, rand.New(rand.NewPCG(seed, 1)))
	m.bucket = newProxy(t, m, w.serveBucket, rand.New(rand.NewPCG(seed, 2)))
	m.bucket.isBucket = true
	m.Env = program.Environment(m.api.server.URL + "/client/v4")
	maps.Copy(m.Env, s3test.Environment(m.bucket.server.URL))
	m.Env[reconcile.KeyVariable] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	return m
}

// result is how a run ended.
type result struct {
	code   int // -1 if it was killed
	said   string
	writes int // that reached the API
}

// secretsync runs the program. A run that does not end in time is a failure.
func (m *machine) secretsync(tr trouble, parallelism int, args ...string) result {
	m.mu.Lock()
	m.runs++
	r := &run{name: fmt.Sprintf("%s%d", m.name, m.runs), trouble: tr, parallelism: parallelism}
	if tr.kind == pause {
		r.paused = make(chan struct{})
	}
	m.run = r
	m.mu.Unlock()
	m.api.begin()
	m.bucket.begin()
	ctx, cancel := context.WithTimeout(m.T.Context(), 3*time.Minute)
	defer cancel()
	cmd := m.Process("secretsync", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	m.w.mu.Lock()
	m.w.say("%s: %v, %v", r, args, tr)
	m.w.mu.Unlock()
	r.mu.Lock()
	err := cmd.Start()
	r.process = cmd
	r.mu.Unlock()
	program.Must(m.T, err)
	hung := context.AfterFunc(ctx, func() { r.signal(syscall.SIGKILL) })
	err = cmd.Wait()
	inTime := hung()
	r.mu.Lock()
	r.process = nil
	killed := r.killed
	r.mu.Unlock()
	m.w.mu.Lock()
	stopped := !r.stopped.IsZero()
	m.w.mu.Unlock()
	if stopped {
		<-r.paused
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	res := result{code: cmd.ProcessState.ExitCode(), said: out.String(), writes: m.api.writes()}
	m.w.say("%s: exit code %d, %d writes\n%s", r, res.code, res.writes, res.said)
	switch {
	case !inTime:
		m.w.fail("%s did not end", r)
	case res.code == -1 && !killed:
		m.w.fail("%s died: %v", r, err)
	case strings.Contains(res.said, "panic: "):
		m.w.fail("%s panicked", r)
	}
	m.checkSaid(res.said)
	m.w.sum.runs++
	return res
}

// checkSaid searches output for values.
func (m *machine) checkSaid(said string) {
	for _, v := range m.w.values {
		for _, form := range []string{v, hex.EncodeToString([]byte(v)), base64.StdEncoding.EncodeToString([]byte(v))} {
			if strings.Contains(said, form) {
				m.w.fail("a value was printed")
				return
			}
		}
	}
}

// troubleKind is what happens to a run.
type troubleKind string

const (
	kill      troubleKind = "kill"
	killAfter troubleKind = "kill after it took effect"
	pause     troubleKind = "pause"
	cutAPI    troubleKind = "cut from the API"
	cutBucket troubleKind = "cut from the bucket"
)

// trouble happens to a run once, when a certain request of it arrives.
type trouble struct {
	kind     troubleKind // empty for none
	inBucket bool        // whether requests to the bucket are counted, or writes to the API
	at       int
	length   time.Duration // of a pause or cut
	silent   bool          // whether what is cut gets no answer at all, or is refused
	late     time.Duration // after which the request takes effect at which the run is killed or stopped
}

func (tr trouble) String() string {
	if tr.kind == "" {
		return "no trouble"
	}
	where := "write to the API"
	if tr.inBucket {
		where = "request to the bucket"
	}
	return fmt.Sprintf("%s at %s %d for %s, silent %v, late %s", tr.kind, where, tr.at, tr.length.Round(time.Millisecond), tr.silent, tr.late.Round(time.Millisecond))
}

// proxy is between a machine and one of the servers.
type proxy struct {
	m        *machine
	server   *httptest.Server
	serve    func(*request) *httptest.ResponseRecorder
	isBucket bool

	mu      sync.Mutex
	rng     *rand.Rand
	noise   noise
	counted int           // requests of this run that trouble counts
	healed  chan struct{} // closed when the cut ends; nil if there is none
	silent  bool
}

// noise is how often the network, or the server, fails. Each is a number in 1000.
type noise struct{ lost, refused, late int }

func newProxy(t *testing.T, m *machine, serve func(*request) *httptest.ResponseRecorder, rng *rand.Rand) *proxy {
	p := &proxy{m: m, serve: serve, rng: rng}
	p.server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

func (p *proxy) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counted = 0
}

func (p *proxy) writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counted
}

// cut cuts the machine off for some time.
func (p *proxy) cut(length time.Duration, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.healed != nil {
		return
	}
	healed := make(chan struct{})
	p.healed, p.silent = healed, silent
	time.AfterFunc(length, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		close(healed)
		p.healed = nil
	})
}

// fate is what happens to a request.
type fate struct {
	healed  chan struct{} // the machine is cut off until then; nil if it is not
	silent  bool
	trouble bool // the run's trouble begins
	refused bool
	lost    bool // the answer is
	late    time.Duration
}

// ServeHTTP implements [http.Handler].
func (p *proxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.m.mu.Lock()
	q := &request{Request: r, body: body, arrived: time.Now(), run: p.m.run}
	p.m.mu.Unlock()
	f := p.decide(q)
	if f.healed != nil {
		if f.silent {
			select {
			case <-f.healed:
			case <-r.Context().Done():
			}
		}
		panic(http.ErrAbortHandler)
	}
	if !p.isBucket && q.writes() {
		p.inFlight(q, 1)
		defer p.inFlight(q, -1)
	}
	if f.trouble {
		p.trouble(q)
		if tr := q.run.trouble; tr.kind == kill && tr.late == 0 {
			panic(http.ErrAbortHandler) // it was killed before it sent the request
		} else if tr.kind == kill || tr.kind == pause {
			f.late = tr.late
		}
	}
	if f.late > 0 {
		p.m.w.late.Add(1)
		defer p.m.w.late.Done()
		time.Sleep(f.late)
	}
	if f.refused {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	rec := p.serve(q)
	if f.trouble && q.run.trouble.kind == killAfter {
		p.m.w.kill(q.run)
	}
	if f.lost {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(rw.Header(), rec.Header())
	rw.WriteHeader(rec.Code)
	_, _ = rw.Write(rec.Body.Bytes())
}

func (p *proxy) inFlight(q *request, n int) {
	p.m.w.mu.Lock()
	defer p.m.w.mu.Unlock()
	q.run.inFlight += n
}

// decide decides what happens to a request.
func (p *proxy) decide(q *request) fate {
	f := p.chance(q)
	if f.lost {
		p.m.w.mu.Lock()
		p.m.w.sum.lostAnswers++
		p.m.w.say("%s %s %s: the answer is lost", q.run, q.Method, q.URL.Path)
		p.m.w.mu.Unlock()
	}
	return f
}

func (p *proxy) chance(q *request) fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	tr := q.run.trouble
	if p.isBucket || q.writes() {
		p.counted++
	}
	f := fate{healed: p.healed, silent: p.silent}
	if tr.kind != "" && tr.inBucket == p.isBucket && (p.isBucket || q.writes()) && p.counted == tr.at {
		f.trouble = f.healed == nil
	}
	if f.healed != nil {
		return f
	}
	f.lost = p.rng.IntN(1000) < p.noise.lost
	f.refused = p.rng.IntN(1000) < p.noise.refused
	if p.rng.IntN(1000) < p.noise.late {
		f.late = time.Duration(p.rng.Int64N(int64(4 * time.Second)))
	}
	f.lost = f.lost && !f.refused
	return f
}

// trouble begins the trouble of a run.
func (p *proxy) trouble(q *request) {
	w, r := p.m.w, q.run
	switch tr := r.trouble; tr.kind {
	case kill:
		w.kill(r)
	case pause:
		w.pause(r, tr.length)
	case cutAPI, cutBucket:
		side := p.m.api
		if tr.kind == cutBucket {
			side = p.m.bucket
		}
		w.mu.Lock()
		w.sum.cuts++
		w.say("%s is %s", r, tr.kind)
		w.mu.Unlock()
		side.cut(tr.length, tr.silent)
	}
}

func (w *world) kill(r *run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.signal(syscall.SIGKILL) {
		w.sum.kills++
		w.say("%s is killed", r)
	}
}

// awaitStop waits until all threads of a process have stopped: the signal takes a while on a busy
// machine, and what they do meanwhile would be taken for what they do later.
func (r *run) awaitStop() {
	r.mu.Lock()
	process := r.process
	r.mu.Unlock()
	if process == nil {
		return
	}
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", process.Process.Pid)
	running := func() bool {
		files, _ := filepath.Glob(tasks)
		return slices.ContainsFunc(files, func(file string) bool {
			stat, err := os.ReadFile(file)
			_, state, found := bytes.Cut(stat, []byte(") "))
			return err == nil && found && !bytes.HasPrefix(state, []byte("T")) && !bytes.HasPrefix(state, []byte("Z"))
		})
	}
	for end := time.Now().Add(5 * time.Second); running() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// pause stops a process for a time.
func (w *world) pause(r *run, length time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.signal(syscall.SIGSTOP) {
		return
	}
	r.awaitStop()
	w.sum.pauses++
	w.say("%s is stopped", r)
	r.stopped = time.Now()
	// Each request has a slot from before the lease is checked until its answer was read.
	r.unsent = r.parallelism - r.inFlight
	go func() {
		defer close(r.paused)
		time.Sleep(length)
		w.mu.Lock()
		defer w.mu.Unlock()
		r.resumed = time.Now()
		if r.signal(syscall.SIGCONT) {
			w.say("%s goes on", r)
		}
	}()
}
