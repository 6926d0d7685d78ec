package cloudflare

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/secretsync/secretsync/applier"
)

// errNotUTF8 is checked here, because encoding/json would replace invalid bytes by U+FFFD
// and so send another value.
var errNotUTF8 = fmt.Errorf("not valid UTF-8, which is all that JSON can carry: %w", applier.ErrInvalid)

var errWiped = errors.New("the request is over")

// payload is a request body that may hold values. It can be read several times until it is
// wiped.
type payload struct {
	mu   sync.Mutex
	size int
	data []byte // nil once wiped
}

// reader reads the payload from its beginning.
func (p *payload) reader() io.ReadCloser { return &payloadReader{payload: p} }

// wipe overwrites the payload. The transport may still be reading it, if the
// answer came early: its next read fails.
func (p *payload) wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.data)
	p.data = nil
}

type payloadReader struct {
	*payload
	off int
}

func (r *payloadReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.off == r.size:
		return 0, io.EOF
	case r.data == nil:
		return 0, errWiped
	}
	n := copy(b, r.data[r.off:])
	r.off += n
	return n, nil
}

func (*payloadReader) Close() error { return nil }

// writer builds a JSON body in one buffer. It keeps the first error, and leaves no
// copy behind when it needs a larger buffer.
type writer struct {
	b       []byte
	subject string // begins the errors
	err     error
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("%s%w", w.subject, err)
	}
}

// open begins an object or array inside the one that is open.
func (w *writer) open(bracket byte) {
	w.comma()
	w.b = append(w.grown(1), bracket)
}

func (w *writer) close(bracket byte) { w.b = append(w.grown(1), bracket) }

func (w *writer) comma() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' && w.b[n-1] != ':' {
		w.b = append(w.grown(1), ',')
	}
}

// key begins a member; its name needs no escape.
func (w *writer) key(name string) {
	w.comma()
	w.b = append(append(append(w.grown(len(name)+3), '"'), name...), '"', ':')
}

func (w *writer) text(key string, s []byte) {
	w.key(key)
	w.quoted(key, s)
}

func (w *writer) optional(key string, s *string) {
	if s != nil {
		w.text(key, []byte(*s))
	}
}

func (w *writer) texts(key string, list []string) {
	w.key(key)
	w.open('[')
	for _, s := range list {
		w.comma()
		w.quoted(key, []byte(s))
	}
	w.close(']')
}

func (w *writer) quoted(key string, s []byte) {
	if !utf8.Valid(s) {
		w.fail(fmt.Errorf("its %s is %w", key, errNotUTF8))
		return
	}
	w.b = appendJSONString(w.grown(maxEscape*len(s)+2), s)
}

// grown returns w.b with room for n more bytes.
func (w *writer) grown(n int) []byte {
	if cap(w.b)-len(w.b) >= n {
		return w.b
	}
	b := make([]byte, len(w.b), 2*cap(w.b)+n)
	copy(b, w.b)
	clear(w.b)
	return b
}

func (w *writer) payload() (*payload, error) {
	if w.err != nil {
		clear(w.b)
		return nil, w.err
	}
	return &payload{data: w.b, size: len(w.b)}, nil
}

// maxEscape is the most bytes that one byte becomes: \u0000.
const maxEscape = 6

// appendJSONString appends valid UTF-8 as a JSON string that decodes to the same
// bytes. Only what must be escaped is (RFC 8259, section 7).
func appendJSONString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
