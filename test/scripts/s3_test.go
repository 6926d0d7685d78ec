package scripts

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
	"github.com/secretsync/secretsync/test/s3test"
)

// bucket is an object store in process, with one bucket named "bucket".
type bucket struct {
	store http.Handler
	url   string

	mu       sync.Mutex
	requests []string // methods and paths
	answer   http.HandlerFunc
	// careless is the beginning of the keys whose conditions are ignored; nil for none.
	careless *string
}

func newBucket() (b *bucket, stop func()) {
	b = &bucket{store: s3test.New("bucket")}
	server := httptest.NewServer(b)
	b.url = server.URL
	return b, server.Close
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests = append(b.requests, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/bucket/"))
	answer, careless := b.answer, b.careless
	b.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	if careless != nil && strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/bucket/"), *careless) {
		r.Header.Del("If-Match")
		r.Header.Del("If-None-Match")
	}
	b.store.ServeHTTP(w, r)
}

// take returns the requests since the last call, by method.
func (b *bucket) take() (all []string, methods map[string]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	methods = map[string]int{}
	for _, r := range b.requests {
		method, _, _ := strings.Cut(r, " ")
		methods[method]++
	}
	all, b.requests = b.requests, nil
	return all, methods
}

// useBucket is the command s3.
func useBucket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: s3 start | requests [N [METHOD=N ...]] | put KEY FILE | get KEY FILE | answer STATUS CODE [REGION] | careless [PREFIX] | well")
	}
	if args[0] == "start" {
		b, stop := newBucket()
		ts.Defer(stop)
		for name, value := range s3test.Environment(b.url) {
			ts.Setenv(name, value)
		}
		ts.Setenv("BUCKET_URL", b.url)
		buckets.Store(ts.Getenv("BUCKET_URL"), b)
		return
	}
	found, ok := buckets.Load(ts.Getenv("BUCKET_URL"))
	if !ok {
		ts.Fatalf("s3 start comes first")
	}
	b := found.(*bucket)
	switch args[0] {
	case "requests":
		b.check(ts, args[1:])
	case "put":
		b.send(ts, http.MethodPut, args[1], ts.ReadFile(args[2]))
	case "get":
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(b.send(ts, http.MethodGet, args[1], "")), 0o600))
	default:
		b.trouble(ts, args)
	}
}

// buckets are the buckets of all scripts, by their addresses.
var buckets sync.Map

// trouble says how the bucket behaves from now on.
func (b *bucket) trouble(ts *testscript.TestScript, args []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer, b.careless = nil, nil
	switch args[0] {
	case "well":
	case "careless":
		b.careless = new(strings.Join(args[1:], ""))
	case "answer":
		status, code, region := number(ts, args[1]), args[2], strings.Join(args[3:], "")
		b.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			if region != "" {
				w.Header().Set("X-Amz-Bucket-Region", region)
			}
			w.WriteHeader(status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		}
	default:
		ts.Fatalf("unknown verb %s", args[0])
	}
}

func (b *bucket) check(ts *testscript.TestScript, want []string) {
	all, methods := b.take()
	ts.Logf("%s", strings.Join(all, "\n"))
	if len(want) == 0 {
		return
	}
	if len(all) != number(ts, want[0]) {
		ts.Fatalf("%d requests to the bucket, want %s", len(all), want[0])
	}
	for _, arg := range want[1:] {
		method, n, _ := strings.Cut(arg, "=")
		if methods[method] != number(ts, n) {
			ts.Fatalf("%d %s requests to the bucket, want %s", methods[method], method, n)
		}
	}
}

// send reads or writes an object, without a condition.
func (b *bucket) send(ts *testscript.TestScript, method, key, body string) string {
	req, err := http.NewRequest(method, "/bucket/"+key, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Length", fmt.Sprint(len(body)))
	w := httptest.NewRecorder()
	b.store.ServeHTTP(w, req)
	text, err := io.ReadAll(w.Result().Body)
	ts.Check(err)
	if w.Code != http.StatusOK {
		ts.Fatalf("%s %s: %d %s", method, key, w.Code, text)
	}
	return string(text)
}

// TestBucketRequests counts what leases and a shared lockfile add.
func TestBucketRequests(t *testing.T) {
	for _, tt := range []struct {
		name, key                string
		first, plan, same, fifty map[string]int
	}{
		{
			"lease", "lease: s3://bucket/team\n",
			map[string]int{"GET": 1, "PUT": 5}, map[string]int{}, map[string]int{"GET": 1, "PUT": 4}, map[string]int{"GET": 1, "PUT": 4},
		},
		{
			"lockfile", "lockfile: s3://bucket/team/a.lock\n",
			map[string]int{"GET": 3, "PUT": 10, "POST": 1}, map[string]int{"GET": 1}, map[string]int{"GET": 3, "PUT": 4}, map[string]int{"GET": 3, "PUT": 8, "POST": 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, stop := newBucket()
			t.Cleanup(stop)
			for name, value := range s3test.Environment(s.url) {
				t.Setenv(name, value)
			}
			b := newBench(t, emulator.Options{})
			run := func(what string, want map[string]int, args ...string) {
				t.Helper()
				b.secretsync(program.OK, args...)
				all, methods := s.take()
				if diff := cmp.Diff(want, methods); diff != "" {
					t.Errorf("%s: requests to the bucket (-want +got):\n%s\n%s", what, diff, strings.Join(all, "\n"))
				}
			}
			describe := func(n int) {
				b.manifest(n, same)
				text, err := os.ReadFile("secretsync.yaml")
				program.Must(t, err)
				program.Must(t, os.WriteFile("secretsync.yaml", append([]byte(tt.key), text...), 0o600))
			}
			describe(1)
			run("the first apply", tt.first, "apply", "--auto-approve")
			run("plan without changes", tt.plan, "plan")
			run("drift", tt.plan, "drift")
			run("apply without changes", tt.same, "apply", "--auto-approve")
			describe(51)
			run("apply of 50", tt.fifty, "apply", "--auto-approve")
		})
	}
}
