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
	"github.com/secretsync/secretsync/internal/emulator/internal/audit"
	"github.com/secretsync/secretsync/internal/emulator/internal/deployed"
	"github.com/secretsync/secretsync/internal/secret"
)

// stateVersion is the version of the state file's format.
const stateVersion = 1

// state is the content of a state file.
type state struct {
	Version  int                `json:"emulator_state"`
	Last     time.Time          `json:"last"` // the latest timestamp issued
	Accounts map[string]account `json:"accounts"`
}

type account struct {
	Stores   []store        `json:"stores"`
	Deployed deployed.State `json:"deployed,omitzero"`
	Log      audit.Log      `json:"audit_log,omitempty"`
}

type store struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Secrets  table     `json:"secrets"`
}

// record is a secret. It is replaced and never modified, because copies of a table share it.
type record struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Comment  *string   `json:"comment"`
	Scopes   []string  `json:"scopes"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Written  time.Time `json:"written,omitzero"` // when a PATCH last set the value
	Value    digest    `json:"value"`
}

func (a account) clone() account {
	stores := slices.Clone(a.Stores)
	for i := range stores {
		stores[i].Secrets = a.Stores[i].Secrets.copy()
	}
	return account{stores, a.Deployed.Clone(), a.Log}
}

// secrets returns the number of secrets in all stores.
func (a account) secrets() int {
	n := 0
	for i := range a.Stores {
		n += a.Stores[i].Secrets.len()
	}
	return n
}

// digest is what is stored of a value: HMAC-SHA-256 under a random key of its own, so that
// equal values have different digests. The key is stored next to it, since this server has
// no better place: anyone who can read the state file can test guesses. That is good enough
// only for the values of a development server.
type digest struct {
	Key   []byte `json:"key"`
	MAC   []byte `json:"mac"`
	Plain kept   `json:"plain,omitzero"` // only with KeepValues
}

func (s *Server) newDigest(value string) digest {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	d := digest{Key: key, MAC: sum(key, []byte(value))}
	if s.opts.KeepValues {
		d.Plain = kept{secret.New([]byte(value))}
	}
	return d
}

// kept is a value in plain text, which only a state file shows.
type kept struct{ secret.Value }

// IsZero reports whether there is no value.
func (k kept) IsZero() bool { return !k.IsSet() }

// MarshalJSON implements [json.Marshaler].
func (k kept) MarshalJSON() ([]byte, error) { return json.Marshal(k.Reveal()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (k *kept) UnmarshalJSON(data []byte) error {
	var value []byte
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	k.Value = secret.New(value)
	return nil
}

// forget removes all values that are kept in plain text, and reports whether there was one.
func (s *state) forget() bool {
	found := false
	for _, a := range s.Accounts {
		for i := range a.Stores {
			secrets := &a.Stores[i].Secrets
			for r := range secrets.all() {
				if r.Value.Plain.IsSet() {
					r.Value.Plain, found = kept{}, true
				}
			}
		}
	}
	return found
}

func (d digest) matches(value []byte) bool { return hmac.Equal(d.MAC, sum(d.Key, value)) }

func sum(key, value []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(value)
	return h.Sum(nil)
}

// newID generates an id in Cloudflare's format: 32 hexadecimal digits.
func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// tick returns the time to the microsecond, always later than the previous one: lists are
// sorted by it, and clients detect changes by it.
func (s *Server) tick() time.Time {
	now := s.opts.Now().UTC().Truncate(time.Microsecond)
	if !now.After(s.state.Last) {
		now = s.state.Last.Add(time.Microsecond)
	}
	s.state.Last = now
	return now
}

// stamp formats a time as the API does. Stamps sort in the order of their times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// open locks and reads the state file, if one is configured.
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
	// The cause is omitted: the file may contain secrets, and be named by mistake.
	if json.Unmarshal(data, &loaded) != nil || loaded.Version != stateVersion || loaded.Accounts == nil {
		return fmt.Errorf("%q is not an emulator's state, or is damaged: name another file, or delete it to start again", file)
	}
	s.state = loaded
	if !s.opts.KeepValues && s.state.forget() {
		if err := s.save(); err != nil {
			return fmt.Errorf("removing the values that the emulator's state %q keeps: %w", file, err)
		}
	}
	return nil
}

// commit replaces an account's state, in the state file too.
func (s *Server) commit(id string, a account) error {
	before := s.state.Accounts[id]
	s.state.Accounts[id] = a
	s.remember(id, before)
	err := s.save()
	if err != nil {
		s.state.Accounts[id] = before
		s.past[id] = s.past[id][:len(s.past[id])-1]
	}
	return err
}

// save writes the state file, if there is one.
func (s *Server) save() error {
	if s.opts.StateFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(s.state, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(s.opts.StateFile, append(data, '\n'), 0o600)
}
