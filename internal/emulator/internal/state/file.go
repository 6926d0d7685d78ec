package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
	"github.com/secretsync/secretsync/internal/atomicfile"
)

// Open locks and reads a state file, if one is named. Values that it keeps in plain text are
// removed from it, unless they are to be kept.
func Open(file string, keepValues bool) (*State, error) {
	s := &State{Version: format, Accounts: map[string]Account{}, file: file, past: map[string][]version{}}
	if file == "" {
		return s, nil
	}
	s.lock = flock.New(file+".flock", flock.SetPermissions(0o600))
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("locking the emulator's state: %w", err)
	case !locked:
		return nil, fmt.Errorf("another emulator is using %q: stop it, or name another state file", file)
	}
	if err := s.load(file, keepValues); err != nil {
		_ = s.lock.Close()
		return nil, err
	}
	return s, nil
}

func (s *State) load(file string, keepValues bool) error {
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
	var loaded State
	// The cause is omitted: the file may contain secrets, and be named by mistake.
	if json.Unmarshal(data, &loaded) != nil || loaded.Version != format || loaded.Accounts == nil {
		return fmt.Errorf("%q is not an emulator's state, or is damaged: name another file, or delete it to start again", file)
	}
	s.Last, s.Accounts = loaded.Last, loaded.Accounts
	if !keepValues && s.forget() {
		if err := s.save(); err != nil {
			return fmt.Errorf("removing the values that the emulator's state %q keeps: %w", file, err)
		}
	}
	return nil
}

// forget removes all values that are kept in plain text, and reports whether there was one.
func (s *State) forget() bool {
	found := false
	for _, a := range s.Accounts {
		for i := range a.Stores {
			secrets := &a.Stores[i].Secrets
			for r := range secrets.All() {
				if r.Value.Plain.IsSet() {
					r.Value.Plain, found = kept{}, true
				}
			}
		}
	}
	return found
}

// Commit replaces an account's state, in the state file too.
func (s *State) Commit(id string, a Account, now time.Time) error {
	before := s.Accounts[id]
	s.Accounts[id] = a
	s.remember(id, before, now)
	err := s.save()
	if err != nil {
		s.Accounts[id] = before
		s.past[id] = s.past[id][:len(s.past[id])-1]
	}
	return err
}

// save writes the state file, if there is one.
func (s *State) save() error {
	if s.file == "" {
		return nil
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(s.file, append(data, '\n'), 0o600)
}

// Close releases the state file.
func (s *State) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}
