//go:build unix

package machines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/test/program"
	"github.com/secretsync/secretsync/test/s3test"
)

const (
	storeName = "prod"
	bucket    = "bucket"
	lockKey   = "team/a.lock"
)

// world is what all machines share: an account, a bucket, and the judge of what they do with them.
// All its requests take effect one after another.
type world struct {
	t      testing.TB
	begun  time.Time
	late   sync.WaitGroup // requests that were delayed, and will still take effect
	mu     sync.Mutex
	api    *emulator.Server
	bucket http.Handler

	owners map[string]*run // of leases, by the owner's id
	holder *run            // of the lease; nil if it is free
	// lockfileOf wrote the lockfile in the bucket last. It names journal; journals has who began each.
	lockfileOf *run
	journal    string
	journals   map[string]*run
	live       map[string]secret
	known      map[string]string // values by id and modification time
	values     []string          // all values that were ever in a file or sent
	wanted     map[string]*spec
	// there has the names that were created and that should exist ever since.
	there   map[string]bool
	foreign map[string]secret
	log     bytes.Buffer // the history, printed on failure
	sum     tally
}

// secret is a secret in the account with its value, which only a test can know.
type secret struct {
	ID, Name, Comment, Modified string
	Scopes                      []string
	value                       string
}

func newWorld(t testing.TB) *world {
	api, err := emulator.New(emulator.Options{RateLimit: -1, MaxStores: 2})
	program.Must(t, err)
	return &world{
		t: t, begun: time.Now(), api: api, bucket: s3test.New(bucket),
		owners: map[string]*run{}, journals: map[string]*run{}, live: map[string]secret{}, known: map[string]string{},
		wanted: map[string]*spec{}, there: map[string]bool{}, foreign: map[string]secret{},
	}
}

// say adds a line to the history. w.mu is held.
func (w *world) say(format string, args ...any) {
	fmt.Fprintf(&w.log, "%7.3f "+format+"\n", append([]any{time.Since(w.begun).Seconds()}, args...)...)
}

// fail reports what must not happen. w.mu is held.
func (w *world) fail(format string, args ...any) {
	w.say("FAILURE: "+format, args...)
	w.t.Errorf("after %.3f s: "+format, append([]any{time.Since(w.begun).Seconds()}, args...)...)
}

// request is a request of a machine.
type request struct {
	*http.Request
	body    []byte
	arrived time.Time // at the machine's proxy
	run     *run
}

// writes reports whether a request to the API writes.
func (q *request) writes() bool { return q.Method != http.MethodGet }

// send has a server answer a request.
func send(h http.Handler, method, path string, header http.Header, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if header != nil {
		r.Header = header.Clone()
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// serveAPI has a request to the API take effect.
func (w *world) serveAPI(q *request) *httptest.ResponseRecorder {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !q.writes() {
		return send(w.api, q.Method, q.URL.String(), q.Header, q.body)
	}
	w.values = append(w.values, program.SentValues(q.body)...)
	w.judge(q)
	rec := send(w.api, q.Method, q.URL.String(), q.Header, q.body)
	w.say("%s %s %s: %d", q.run, q.Method, q.URL.Path, rec.Code)
	w.compare(q)
	return rec
}

// judge decides whether a write may take effect: its sender holds the lease, or it was under way when
// the lease was lost.
func (w *world) judge(q *request) {
	r := q.run
	switch {
	case r == w.holder:
		return
	case r.lost.IsZero():
		w.fail("%s writes, and never had the lease: %s %s", r, q.Method, q.URL.Path)
		return
	case !q.arrived.After(r.lost):
	case !r.stopped.IsZero() && r.stopped.Before(r.lost) && !r.resumed.IsZero() && q.arrived.Sub(r.resumed) < resumeGrace && r.after < r.unsent:
		// The process was stopped between its last look at the lease and the request.
		r.after++
		w.sum.resumed++
	default:
		w.fail("%s writes %s after it lost the lease: %s %s (of %d that may have been about to be sent, %d were)",
			r, q.arrived.Sub(r.lost).Round(time.Millisecond), q.Method, q.URL.Path, r.unsent, r.after)
		return
	}
	w.sum.underWay++
	w.say("%s has no lease any more, but its request was under way", r)
}

// resumeGrace is the time in which a resumed process may send the request that it was about to send.
const resumeGrace = 2 * time.Second

// compare compares the account with its state before a write.
func (w *world) compare(q *request) {
	before := w.live
	w.live = w.read()
	for name, is := range w.live {
		was, there := before[name]
		if !there || was.ID != is.ID {
			if w.there[name] {
				w.sum.doubled++
				w.fail("%s created %s a second time", q.run, name)
			}
			w.there[name] = true
		}
		if s := w.wanted[name]; s != nil && s.value != "" && is.value != s.value && is.value != was.value {
			w.fail("%s wrote an old value of %s", q.run, name)
		}
	}
	for name := range before {
		if _, there := w.live[name]; there {
			continue
		}
		delete(w.there, name)
		if w.wanted[name] != nil {
			w.sum.lost++
			w.fail("%s deleted %s, which the manifest describes", q.run, name)
		}
	}
	w.checkForeign()
}

// checkForeign checks that another client's secrets are unchanged.
func (w *world) checkForeign() {
	for name, was := range w.foreign {
		if is := w.live[name]; is.ID != was.ID || is.Modified != was.Modified || is.value != was.value || is.Comment != was.Comment {
			w.sum.foreign++
			w.fail("%s is another client's, and is gone or changed", name)
			delete(w.foreign, name)
		}
	}
}

// other sends a request of another client.
func (w *world) other(method, path string, body, result any) {
	w.t.Helper()
	data, err := json.Marshal(body)
	program.Must(w.t, err)
	w.values = append(w.values, program.SentValues(data)...)
	rec := send(w.api, method, "/client/v4/accounts/"+program.Account+"/secrets_store"+path, http.Header{"Authorization": {"Bearer dashboard"}}, data)
	var envelope struct {
		Success bool
		Result  json.RawMessage
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &envelope); err != nil || !envelope.Success {
		w.t.Fatalf("%s %s: %s", method, path, rec.Body.String())
	}
	if result != nil {
		program.Must(w.t, json.Unmarshal(envelope.Result, result))
	}
}

// secrets returns the path of the store's secrets, or "" if there is no store.
func (w *world) secrets() string {
	var stores []struct{ ID, Name string }
	w.other(http.MethodGet, "/stores", nil, &stores)
	if len(stores) > 1 {
		w.sum.doubled++
		w.fail("there are %d stores", len(stores))
	}
	if len(stores) == 0 {
		return ""
	}
	return "/stores/" + stores[0].ID + "/secrets"
}

// read reads everything in the account.
func (w *world) read() map[string]secret {
	all := map[string]secret{}
	path := w.secrets()
	if path == "" {
		return all
	}
	var list []secret
	w.other(http.MethodGet, path+"?per_page=100", nil, &list)
	for _, s := range list {
		key := s.ID + s.Modified
		for n := len(w.values) - 1; n >= 0 && w.known[key] == ""; n-- {
			if w.api.HasValue(program.Account, storeName, s.Name, []byte(w.values[n])) {
				w.known[key] = w.values[n]
			}
		}
		s.value = w.known[key]
		all[s.Name] = s
	}
	return all
}

// leaseRecord is what a lease's object says.
type leaseRecord struct {
	State, Owner string
	Published    map[string]struct{ Generation int }
}

func leaseKey() string { return "team/" + lease.Key(program.Account, storeName) }

// serveBucket has a request to the bucket take effect, and notices who holds the lease.
func (w *world) serveBucket(q *request) *httptest.ResponseRecorder {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := send(w.bucket, q.Method, q.URL.String(), q.Header, q.body)
	path := strings.TrimPrefix(q.URL.Path, "/"+bucket+"/")
	if q.Method != http.MethodGet {
		w.say("%s %s %s: %d", q.run, q.Method, path, rec.Code)
	}
	if q.Method != http.MethodPut || rec.Code != http.StatusOK {
		return rec
	}
	journal, inJournal := strings.CutPrefix(path, lockKey+".journal/")
	switch {
	case inJournal:
		id, _, _ := strings.Cut(journal, "/")
		w.judgeJournal(q, id)
	case path == lockKey:
		w.judgeLockfile(q)
	case path == leaseKey():
		var l leaseRecord
		program.Must(w.t, json.Unmarshal(q.body, &l))
		if w.owners[l.Owner] == nil {
			w.owners[l.Owner] = q.run
		}
		w.changeHolder(w.owners[l.Owner], l.State == "held")
	}
	return rec
}

// judgeLockfile decides whether a run may replace the lockfile. One that lost the lease may do it, until
// the run that holds it has.
func (w *world) judgeLockfile(q *request) {
	if q.run != w.holder && w.holder != nil && w.lockfileOf == w.holder {
		w.fail("%s replaced the lockfile of %s, which holds the lease", q.run, w.holder)
	}
	w.lockfileOf = q.run
	var f struct{ Shared struct{ Journal string } }
	program.Must(w.t, json.Unmarshal(q.body, &f))
	w.journal = f.Shared.Journal
	if w.journal != "" {
		w.journals[w.journal] = q.run
	}
}

// judgeJournal decides whether a run may add to a journal. Nothing reads a journal that the lockfile no
// longer names, and only the run that holds the lease seals the journals of others. But a request that
// was under way when the lease was lost may still seal an earlier journal.
func (w *world) judgeJournal(q *request, id string) {
	switch seals := w.journals[id] != q.run; {
	case q.run == w.holder:
	case seals && w.holder != nil && w.journals[id] == w.holder:
		w.fail("%s sealed the journal of %s, which holds the lease", q.run, w.holder)
	case !seals && id != w.journal:
		w.fail("%s added to a journal that nothing reads any more", q.run)
	}
}

func (w *world) changeHolder(r *run, held bool) {
	was := w.holder
	if held {
		w.holder = r
	} else if was == r {
		w.holder = nil
	}
	switch {
	case was == nil || w.holder == was:
		return
	case held:
		w.sum.takeovers++
		w.say("%s takes over from %s", r, was)
	}
	was.lost = time.Now()
}

// object returns an object of the bucket; nil if there is none.
func (w *world) object(key string) []byte {
	rec := send(w.bucket, http.MethodGet, "/"+bucket+"/"+key, nil, nil)
	switch rec.Code {
	case http.StatusOK:
		return rec.Body.Bytes()
	case http.StatusNotFound:
		return nil
	}
	w.t.Fatalf("GET %s: %d %s", key, rec.Code, rec.Body)
	return nil
}

// lease returns what the lease's object says.
func (w *world) lease() leaseRecord {
	var l leaseRecord
	if data := w.object(leaseKey()); data != nil {
		program.Must(w.t, json.Unmarshal(data, &l))
	}
	return l
}
