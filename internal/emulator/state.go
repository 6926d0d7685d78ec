package emulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/secretsync/secretsync/internal/atomicfile"
)

// stateVersion is the state file's format.
const stateVersion = 1

// state is what a state file holds.
type state struct {
	Version  int                `json:"emulator_state"`
	Last     time.Time          `json:"last"` // the latest time given out
	Accounts map[string]account `json:"accounts"`
}

type account struct {
	Stores []store `json:"stores"`
}

type store struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Secrets  []record  `json:"secrets"`
}

// record is a secret. Its slices and pointers are replaced, never written to:
// copies share them.
type record struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Comment  *string   `json:"comment"`
	Scopes   []string  `json:"scopes"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Value    digest    `json:"value"`
}

func (a account) clone() account {
	stores := slices.Clone(a.Stores)
	for i := range stores {
		stores[i].Secrets = slices.Clone(stores[i].Secrets)
	}
	return account{stores}
}

// secrets counts those of all stores.
func (a account) secrets() int {
	n := 0
	for _, s := range a.Stores {
		n += len(s.Secrets)
	}
	return n
}

func (st *store) indexID(id string) int {
	return slices.IndexFunc(st.Secrets, func(r record) bool { return r.ID == id })
}

func (st *store) indexName(name string) int {
	return slices.IndexFunc(st.Secrets, func(r record) bool { return r.Name == name })
}

// digest is what is kept of a value: HMAC-SHA-256 under a random key of its own,
// so that not even equal values show. The key lies beside it, since this server
// has no better place: whoever reads the state file can try guesses. That is
// good enough for values made for a development server, and for no others.
type digest struct {
	Key []byte `json:"key"`
	MAC []byte `json:"mac"`
}

func newDigest(value string) digest {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return digest{key, sum(key, []byte(value))}
}

func (d digest) matches(value []byte) bool { return hmac.Equal(d.MAC, sum(d.Key, value)) }

func sum(key, value []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(value)
	return h.Sum(nil)
}

// newID makes an id as Cloudflare's: 32 hexadecimal digits.
func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// tick returns the time to the microsecond, and never the same or an earlier one
// again: lists are sorted by it, and clients recognise a change by it.
func (s *Server) tick() time.Time {
	now := s.opts.Now().UTC().Truncate(time.Microsecond)
	if !now.After(s.state.Last) {
		now = s.state.Last.Add(time.Microsecond)
	}
	s.state.Last = now
	return now
}

// stamp writes a time as the API does. Stamps sort as the times do.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// open locks and reads the state file, if there is to be one.
func (s *Server) open() error {
	s.state = state{Version: stateVersion, Accounts: map[string]account{}}
	file := s.opts.StateFile
	if file == "" {
		return nil
	}
	s.lock = flock.New(file+".flock", flock.SetPermissions(0o600))
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("locking the emulator's state: %w", err)
	case !locked:
		return fmt.Errorf("another emulator is using %q: stop it, or name another state file", file)
	}
	err := s.load(file)
	if err != nil {
		_ = s.lock.Close()
	}
	return err
}

func (s *Server) load(file string) error {
	if err := atomicfile.CheckWritable(file, 0); err != nil {
		return fmt.Errorf("the emulator's state: %w", err)
	}
	atomicfile.Sweep(file)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the emulator's state: %w", err)
	}
	var loaded state
	// The cause is left out: this may be a file of secrets, named by mistake.
	if json.Unmarshal(data, &loaded) != nil || loaded.Version != stateVersion || loaded.Accounts == nil {
		return fmt.Errorf("%q is not an emulator's state, or is damaged: name another file, or delete it to start anew", file)
	}
	s.state = loaded
	return nil
}

// commit replaces an account's state, in the state file too.
func (s *Server) commit(id string, a account) error {
	before := s.state.Accounts[id]
	s.state.Accounts[id] = a
	s.remember(id, before)
	if s.opts.StateFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(s.state, "", "  ")
	if err == nil {
		err = atomicfile.Write(s.opts.StateFile, append(data, '\n'), 0o600)
	}
	if err != nil {
		s.state.Accounts[id] = before
		s.past[id] = s.past[id][:len(s.past[id])-1]
	}
	return err
}
