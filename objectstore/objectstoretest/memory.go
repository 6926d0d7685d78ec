package objectstoretest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/objectstore"
)

// Memory is a store in memory. As in S3, versions are digests of the content. Its zero value is
// empty.
type Memory struct {
	mu       sync.Mutex
	requests []string
	// Objects is its content, by key. A test may change it while no request is executed.
	Objects map[string][]byte
	// IgnoreCreate and IgnoreMatch make the store ignore If-None-Match and If-Match.
	IgnoreCreate, IgnoreMatch bool
}

// Get implements [objectstore.Store].
func (m *Memory) Get(ctx context.Context, key string) (objectstore.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "GET "+key)
	if err := ctx.Err(); err != nil {
		return objectstore.Object{}, err
	}
	data, ok := m.Objects[key]
	if !ok {
		return objectstore.Object{}, objectstore.ErrNotExist
	}
	return objectstore.Object{Data: bytes.Clone(data), Version: version(data)}, nil
}

// Put implements [objectstore.Store].
func (m *Memory) Put(ctx context.Context, key string, data []byte, c objectstore.Condition) (objectstore.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "PUT "+key)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	old, exists := m.Objects[key]
	switch {
	case c.Match == "" && exists && !m.IgnoreCreate,
		c.Match != "" && (!exists || version(old) != c.Match) && !m.IgnoreMatch:
		return "", objectstore.ErrConflict
	}
	if m.Objects == nil {
		m.Objects = map[string][]byte{}
	}
	m.Objects[key] = bytes.Clone(data)
	return version(data), nil
}

// Delete implements [objectstore.Store].
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, fmt.Sprintf("DELETE %d", len(keys)))
	for _, key := range keys {
		delete(m.Objects, key)
	}
	return ctx.Err()
}

// String implements [objectstore.Store].
func (m *Memory) String() string { return "memory://test" }

// Take returns the requests since the last call of Take or Requests, in their order: "GET KEY",
// "PUT KEY" and "DELETE N", where N is the number of keys.
func (m *Memory) Take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	requests := m.requests
	m.requests = nil
	return requests
}

// Requests returns how many requests of each method, "GET", "PUT" and "DELETE", there were since the
// last call of Take or Requests.
func (m *Memory) Requests() map[string]int {
	n := map[string]int{}
	for _, r := range m.Take() {
		method, _, _ := strings.Cut(r, " ")
		n[method]++
	}
	return n
}

func version(data []byte) objectstore.Version {
	sum := md5.Sum(data)
	return objectstore.Version(`"` + hex.EncodeToString(sum[:]) + `"`)
}

// ErrLost is the error of a request whose answer was lost.
var ErrLost = errors.New("connection reset by peer")

// Faulty is a store in which some requests fail.
type Faulty struct {
	objectstore.Store
	// Before is called before each request; its error is returned instead of sending the
	// request. Nil means that all requests are sent.
	Before func(ctx context.Context, method, key string) error
	// After is called after each request; its error is returned instead of the answer, which so
	// is lost.
	After func(ctx context.Context, method, key string) error
}

// Get implements [objectstore.Store].
func (f *Faulty) Get(ctx context.Context, key string) (objectstore.Object, error) {
	if err := call(ctx, f.Before, "GET", key); err != nil {
		return objectstore.Object{}, err
	}
	o, err := f.Store.Get(ctx, key)
	if lost := call(ctx, f.After, "GET", key); lost != nil {
		return objectstore.Object{}, lost
	}
	return o, err
}

// Put implements [objectstore.Store].
func (f *Faulty) Put(ctx context.Context, key string, data []byte, c objectstore.Condition) (objectstore.Version, error) {
	if err := call(ctx, f.Before, "PUT", key); err != nil {
		return "", err
	}
	v, err := f.Store.Put(ctx, key, data, c)
	if lost := call(ctx, f.After, "PUT", key); lost != nil {
		return "", lost
	}
	return v, err
}

// Delete implements [objectstore.Store]. Before and After are called for each key.
func (f *Faulty) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := call(ctx, f.Before, "DELETE", key); err != nil {
			return err
		}
	}
	err := f.Store.Delete(ctx, keys...)
	for _, key := range keys {
		if lost := call(ctx, f.After, "DELETE", key); lost != nil {
			return lost
		}
	}
	return err
}

func call(ctx context.Context, hook func(context.Context, string, string) error, method, key string) error {
	if hook == nil {
		return nil
	}
	return hook(ctx, method, key)
}
