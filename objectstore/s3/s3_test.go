package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/secretsync/secretsync/internal/lease/leasetest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
	"github.com/secretsync/secretsync/test/s3test"
)

// environment lets the SDK find the given settings and nothing else.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			t.Setenv(name, "")
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range set {
		t.Setenv(name, value)
	}
}

// credentials are settings for a test server.
func credentials(endpoint string) map[string]string {
	return map[string]string{"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": "test-id", "AWS_SECRET_ACCESS_KEY": "test-secret"}
}

func open(t *testing.T, url string) *Store {
	t.Helper()
	l, err := objectstore.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGofakes3(t *testing.T) {
	server := httptest.NewServer(s3test.New("bucket"))
	t.Cleanup(server.Close)
	environment(t, credentials(server.URL))
	var n atomic.Int32
	empty := func(t *testing.T) objectstore.Store { return open(t, fmt.Sprintf("s3://bucket/prefix/%d", n.Add(1))) }
	objectstoretest.Test(t, empty)
	leasetest.Test(t, empty)
	s := open(t, "s3://bucket")
	if _, err := s.Put(t.Context(), "k", []byte("whole bucket"), objectstore.Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := open(t, "r2://bucket").Get(t.Context(), "k"); err != nil {
		t.Errorf("R2 with an endpoint from the environment: %v", err)
	}
	_, err := open(t, "s3://no-such-bucket").Get(t.Context(), "k")
	if !errors.Is(err, objectstore.ErrRefused) || errors.Is(err, objectstore.ErrNotExist) || !strings.Contains(err.Error(), "there is no bucket no-such-bucket") {
		t.Errorf("no bucket: %v", err)
	}
}

// scripted returns a store whose server answers each request with handle.
func scripted(t *testing.T, handle http.HandlerFunc) *Store {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	environment(t, credentials(server.URL))
	return open(t, "s3://bucket/prefix")
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
}

func TestAnswers(t *testing.T) {
	var status int
	var code, region string
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if region != "" {
			w.Header().Set("X-Amz-Bucket-Region", region)
		}
		fail(w, status, code, "what the server\nsays")
	})
	unknown := errors.New("unknown")
	for _, tt := range []struct {
		status           int
		code, region     string
		get, put, delete error
		says             string // what the error of PUT says
	}{
		{status: 404, code: "NoSuchKey", get: objectstore.ErrNotExist, put: objectstore.ErrConflict},
		{status: 404, code: "NoSuchBucket", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "there is no bucket bucket"},
		{status: 412, code: "PreconditionFailed", get: objectstore.ErrConflict, put: objectstore.ErrConflict, delete: objectstore.ErrConflict},
		{status: 409, code: "ConditionalRequestConflict", get: objectstore.ErrBusy, put: objectstore.ErrBusy, delete: objectstore.ErrBusy},
		{status: 429, code: "TooManyRequests", get: objectstore.ErrBusy, put: objectstore.ErrBusy, delete: objectstore.ErrBusy},
		{status: 503, code: "SlowDown", get: objectstore.ErrBusy, put: objectstore.ErrBusy, delete: objectstore.ErrBusy},
		{status: 503, code: "ServiceUnavailable", get: unknown, put: unknown, delete: unknown, says: "503 ServiceUnavailable"},
		{status: 500, code: "InternalError", get: unknown, put: unknown, delete: unknown, says: "500 InternalError"},
		{status: 400, code: "RequestTimeout", get: objectstore.ErrBusy, put: objectstore.ErrBusy, delete: objectstore.ErrBusy},
		{status: 400, code: "InvalidArgument", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused},
		{status: 403, code: "AccessDenied", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "credentials may not write"},
		{status: 401, code: "Unauthorized", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "credentials may not write"},
		{status: 403, code: "InvalidAccessKeyId", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "check AWS_ACCESS_KEY_ID"},
		{status: 403, code: "SignatureDoesNotMatch", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "check AWS_ACCESS_KEY_ID"},
		{status: 400, code: "ExpiredToken", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "sign in again"},
		{status: 403, code: "RequestTimeTooSkewed", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "clock of this machine"},
		{status: 301, code: "PermanentRedirect", region: "eu-west-1", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "in the region eu-west-1: set AWS_REGION"},
		{status: 400, code: "AuthorizationHeaderMalformed", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "in another region: set AWS_REGION"},
		{status: 501, code: "NotImplemented", get: objectstore.ErrRefused, put: objectstore.ErrRefused, delete: objectstore.ErrRefused, says: "does not support conditional writes"},
	} {
		status, code, region = tt.status, tt.code, tt.region
		_, getErr := s.Get(t.Context(), "k")
		_, putErr := s.Put(t.Context(), "k", []byte("data"), objectstore.Condition{})
		for verb, e := range map[string]struct{ got, want error }{
			"read": {getErr, tt.get}, "write": {putErr, tt.put}, "delete": {s.Delete(t.Context(), "k"), tt.delete},
		} {
			what := fmt.Sprintf("%d %s: %s", status, code, verb)
			checkError(t, what, e.got, e.want)
			switch {
			case e.got == nil:
			case !strings.HasPrefix(e.got.Error(), verb+" s3://bucket/prefix/k: "):
				t.Errorf("%s: the error does not begin with what was done: %v", what, e.got)
			case strings.ContainsAny(e.got.Error(), "\n") || strings.Contains(e.got.Error(), "test-secret"):
				t.Errorf("%s: error %q", what, e.got)
			}
		}
		if !strings.Contains(fmt.Sprint(putErr), tt.says) {
			t.Errorf("%d %s: error %v, want %q", status, code, putErr, tt.says)
		}
	}
}

// checkError compares errors. want may also be an error that is not one of a store's.
func checkError(t *testing.T, what string, got, want error) {
	t.Helper()
	for _, e := range []error{objectstore.ErrNotExist, objectstore.ErrConflict, objectstore.ErrBusy, objectstore.ErrRefused} {
		if errors.Is(got, e) != (want != nil && errors.Is(want, e)) {
			t.Errorf("%s: error %v, want %v", what, got, want)
		}
	}
	if (got == nil) != (want == nil) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// Without s3:ListBucket, S3 answers 403 for an object that does not exist. The object must not count
// as missing: the credentials may not be allowed to read it.
func TestMissingWithoutListBucket(t *testing.T) {
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) { fail(w, 403, "AccessDenied", "") })
	_, err := s.Get(t.Context(), "k")
	checkError(t, "read", err, objectstore.ErrRefused)
	if !strings.Contains(fmt.Sprint(err), "allow s3:ListBucket on the bucket") {
		t.Errorf("error %v", err)
	}
	_, err = s.Put(t.Context(), "k", nil, objectstore.Condition{})
	if err == nil || strings.Contains(err.Error(), "ListBucket") {
		t.Errorf("error of a write: %v", err)
	}
}

// No request is repeated here: objectstore.Put does that.
func TestRequestsAreSentOnce(t *testing.T) {
	var n atomic.Int32
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		fail(w, 500, "InternalError", "")
	})
	_, _ = s.Get(t.Context(), "k")
	_, _ = s.Put(t.Context(), "k", nil, objectstore.Condition{})
	_ = s.Delete(t.Context(), "k")
	_ = s.Delete(t.Context(), "k", "l")
	if n.Load() != 4 {
		t.Errorf("%d requests, want 4", n.Load())
	}
}

func TestConditionsAreSent(t *testing.T) {
	var got http.Header
	var path string
	s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		got, path = r.Header, r.URL.Path
		w.Header().Set("ETag", `"v2"`)
	})
	v, err := s.Put(t.Context(), "leases/a~2fb.json", []byte("data"), objectstore.Condition{})
	if err != nil || v != `"v2"` || got.Get("If-None-Match") != "*" || got.Get("If-Match") != "" || path != "/bucket/prefix/leases/a~2fb.json" {
		t.Errorf("create: %q, %v; %s with %v", v, err, path, got)
	}
	if _, err := s.Put(t.Context(), "k", []byte("data"), objectstore.Condition{Match: v}); err != nil || got.Get("If-Match") != `"v2"` || got.Get("If-None-Match") != "" {
		t.Errorf("replace: %v; %v", err, got)
	}
	for name := range got {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-checksum") || strings.HasPrefix(name, "x-amz-sdk-checksum") || name == "x-amz-trailer" {
			t.Errorf("the header %s is sent, which stores other than S3 may refuse", name)
		}
	}
}

func TestNoETag(t *testing.T) {
	s := scripted(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, objectstore.ErrRefused) || !strings.Contains(err.Error(), "no ETag") {
		t.Errorf("read: %v", err)
	}
	_, err := s.Put(t.Context(), "k", nil, objectstore.Condition{})
	checkError(t, "write", err, errors.New("unknown"))
}

func TestLargeObject(t *testing.T) {
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"v"`)
		_, _ = io.CopyN(w, zeros{}, objectstore.MaxSize+1)
	})
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, objectstore.ErrRefused) || !strings.Contains(err.Error(), "more than 268435456 bytes") {
		t.Errorf("error %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// An answer that ends early counts as no answer.
func TestTornAnswer(t *testing.T) {
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"v"`)
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("short"))
	})
	_, err := s.Get(t.Context(), "k")
	checkError(t, "read", err, errors.New("unknown"))
}

func TestDelete(t *testing.T) {
	for name, tt := range map[string]struct {
		keys   int
		answer func(w http.ResponseWriter, r *http.Request) // to DeleteObjects
		err    error
		posts  int
		single int
	}{
		"one":             {keys: 1, single: 1},
		"several":         {keys: 3, posts: 1},
		"1,001":           {keys: 1001, posts: 1, single: 1},
		"2,000":           {keys: 2000, posts: 2},
		"not implemented": {keys: 3, posts: 1, single: 3, answer: func(w http.ResponseWriter, _ *http.Request) { fail(w, 501, "NotImplemented", "") }},
		"refused":         {keys: 3, posts: 1, err: objectstore.ErrRefused, answer: func(w http.ResponseWriter, _ *http.Request) { fail(w, 403, "AccessDenied", "") }},
		"one refused": {keys: 3, posts: 1, err: objectstore.ErrRefused, answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<DeleteResult><Error><Key>gone</Key><Code>NoSuchKey</Code></Error><Error><Key>k</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`)
		}},
		"one failed": {keys: 3, posts: 1, err: errors.New("unknown"), answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<DeleteResult><Error><Key>k</Key><Code>InternalError</Code></Error></DeleteResult>`)
		}},
		"one missing": {keys: 3, posts: 1, answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<DeleteResult><Error><Key>k</Key><Code>NoSuchKey</Code></Error></DeleteResult>`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var posts, single atomic.Int32
			s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodDelete:
					single.Add(1)
					w.WriteHeader(http.StatusNoContent)
				case tt.answer != nil:
					posts.Add(1)
					tt.answer(w, r)
				default:
					posts.Add(1)
					_, _ = io.WriteString(w, `<DeleteResult></DeleteResult>`)
				}
			})
			keys := make([]string, tt.keys)
			for i := range keys {
				keys[i] = fmt.Sprint("k", i)
			}
			checkError(t, "delete", s.Delete(t.Context(), keys...), tt.err)
			if int(posts.Load()) != tt.posts || int(single.Load()) != tt.single {
				t.Errorf("%d DeleteObjects and %d DELETEs, want %d and %d", posts.Load(), single.Load(), tt.posts, tt.single)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // so that connections are refused
	environment(t, credentials(server.URL))
	s := open(t, "s3://bucket/prefix")
	_, err := s.Put(t.Context(), "k", nil, objectstore.Condition{})
	checkError(t, "write", err, errors.New("unknown"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	slow := scripted(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if _, err := slow.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

const account = "0123456789abcdef0123456789abcdef"

func TestOpen(t *testing.T) {
	for name, tt := range map[string]struct {
		url              string
		account          string
		env              map[string]string
		files            map[string]string // by the variable that names the file
		endpoint, region string
		pathStyle        bool
		err              string
	}{
		"S3":                    {url: "s3://bucket", env: map[string]string{"AWS_REGION": "eu-west-1"}, region: "eu-west-1"},
		"S3, no region":         {url: "s3://bucket", err: "the region is unknown: set AWS_REGION"},
		"R2, the run's account": {url: "r2://bucket/p", account: account, endpoint: "https://" + account + ".r2.cloudflarestorage.com", region: "auto", pathStyle: true},
		"R2, the URL's account": {url: "r2://" + account + "/bucket", account: "another", env: map[string]string{"AWS_REGION": "eu-west-1"},
			endpoint: "https://" + account + ".r2.cloudflarestorage.com", region: "auto", pathStyle: true},
		"R2, no account": {url: "r2://bucket", err: "write r2://ACCOUNT_ID/bucket"},
		"R2, jurisdiction": {url: "r2://bucket", env: map[string]string{"AWS_ENDPOINT_URL_S3": "https://x.eu.r2.cloudflarestorage.com"},
			endpoint: "https://x.eu.r2.cloudflarestorage.com", region: "auto", pathStyle: true},
		"endpoint of all services":    {url: "s3://bucket", env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, endpoint: "http://127.0.0.1:1", region: "us-east-1", pathStyle: true},
		"the endpoint of S3 is first": {url: "s3://bucket", env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2", "AWS_REGION": "r"}, endpoint: "http://127.0.0.1:2", region: "r", pathStyle: true},
		"a profile": {url: "s3://bucket", env: map[string]string{"AWS_PROFILE": "ci", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, files: map[string]string{
			"AWS_CONFIG_FILE":             "[profile ci]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:3\n",
			"AWS_SHARED_CREDENTIALS_FILE": "[ci]\naws_access_key_id = a\naws_secret_access_key = b\n",
		}, endpoint: "http://127.0.0.1:3", region: "eu-north-1", pathStyle: true},
		"no such profile":      {url: "s3://bucket", env: map[string]string{"AWS_PROFILE": "ci"}, err: `there is no profile "ci"`},
		"no credentials":       {url: "s3://bucket", env: map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, err: "there are no credentials for s3://bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"},
		"no credentials of R2": {url: "r2://bucket", account: account, env: map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, err: "(of an R2 API token, from the dashboard)"},
		"a bad file": {url: "s3://bucket", env: map[string]string{"AWS_PROFILE": "ci"}, files: map[string]string{
			"AWS_SHARED_CREDENTIALS_FILE": "[ci\naws_secret_access_key = hunter2\n"}, err: "check AWS_PROFILE"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hunter2"})
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			for variable, content := range tt.files {
				path := filepath.Join(t.TempDir(), "file")
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv(variable, path)
			}
			l, err := objectstore.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), l, Options{Account: tt.account})
			if tt.err != "" {
				if !errors.Is(err, objectstore.ErrRefused) || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o := s.client.Options()
			if aws.ToString(o.BaseEndpoint) != tt.endpoint || o.Region != tt.region || o.UsePathStyle != tt.pathStyle {
				t.Errorf("endpoint %q, region %q, path style %v; want %q, %q, %v", aws.ToString(o.BaseEndpoint), o.Region, o.UsePathStyle, tt.endpoint, tt.region, tt.pathStyle)
			}
			if s.String() != tt.url {
				t.Errorf("name %q", s)
			}
		})
	}
}

// The search for an instance's credentials ends in time if there is no instance.
func TestNoCredentialsInTime(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	t.Cleanup(hanging.CloseClientConnections)
	environment(t, map[string]string{"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": hanging.URL, "AWS_REGION": "eu-west-1"})
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = checkCredentials(t.Context(), objectstore.Location{Scheme: "s3", Bucket: "bucket"}, cfg, 100*time.Millisecond)
	if !errors.Is(err, objectstore.ErrRefused) || !strings.Contains(err.Error(), "there are no credentials") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := checkCredentials(ctx, objectstore.Location{}, cfg, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
