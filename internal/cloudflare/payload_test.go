package cloudflare

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/secretsync/secretsync/applier"
)

func TestBodyIsWiped(t *testing.T) {
	var body io.ReadCloser
	s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
		body, _ = r.GetBody()
		return success["POST"].to(r)
	}}
	if err := calls["POST"](t.Context(), newClient(t, s)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(body); err == nil || len(rest) > 0 {
		t.Errorf("%d bytes are left after the call, error %v", len(rest), err)
	}
}

func TestWipeOverwrites(t *testing.T) {
	p, err := createBody([]applier.NewSecret{item("a", "canary")})
	if err != nil {
		t.Fatal(err)
	}
	data := p.data
	p.wipe()
	if len(bytes.Trim(data, "\x00")) > 0 {
		t.Error("the body is still there")
	}
}

// The buffer that was too small is wiped, and its content kept.
func TestGrowingLeavesNoCopy(t *testing.T) {
	w := writer{b: append(make([]byte, 0, 8), "canary"...)}
	old := w.b
	w.b = w.grown(100)
	if string(w.b) != "canary" || cap(w.b) < 106 {
		t.Errorf("grew to %q, room for %d", w.b, cap(w.b))
	}
	if len(bytes.Trim(old, "\x00")) > 0 {
		t.Error("the old buffer is still there")
	}
}

// As long as the estimated size is large enough, append never moves the buffer.
func TestEscapesFitTheEstimate(t *testing.T) {
	for c := range 256 {
		if n := len(appendJSONString(nil, []byte{byte(c)})) - 2; n > maxEscape {
			t.Errorf("byte %#x becomes %d bytes", c, n)
		}
	}
}

func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", `"\`, "\x00\x1f\x7f", "\u2028\u2029", "🔑", "a\r\nb\n", "</script>", "\xff", "\xed\xa0\x80", strings.Repeat("é", 99)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		var w writer
		w.open('{')
		w.text("v", s)
		w.close('}')
		p, err := w.payload()
		if utf8.Valid(s) != (err == nil) {
			t.Fatalf("error %v", err)
		}
		if err != nil {
			return
		}
		var got map[string]string
		if err := json.Unmarshal(p.data, &got); err != nil || len(got) != 1 || got["v"] != string(s) {
			t.Errorf("%q became %q (%v)", s, p.data, err)
		}
	})
}
