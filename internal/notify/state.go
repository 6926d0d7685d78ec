package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/secretsync/secretsync/planner"
)

const stateVersion = 1

// State is what each webhook was sent: digests of findings, not the findings.
type State struct {
	Version int `json:"secretsync_notify_state"`
	// Webhooks are findings by webhook and digest, with the time of the last change if the audit log
	// had it.
	Webhooks map[string]map[string]planner.Modified `json:"webhooks"`
}

// ParseState reads a state file; nothing is the state before the first message.
func ParseState(data []byte) (*State, error) {
	s := &State{Version: stateVersion, Webhooks: map[string]map[string]planner.Modified{}}
	if len(bytes.TrimSpace(data)) == 0 {
		return s, nil
	}
	var read State
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&read) != nil || read.Version < 1 {
		return nil, errors.New("it is not a notification state file")
	}
	if read.Version > stateVersion {
		return nil, errors.New("it was written by a newer secretsync")
	}
	if read.Webhooks != nil {
		s.Webhooks = read.Webhooks
	}
	return s, nil
}

// IsState reports whether data is a state file.
func IsState(data []byte) bool {
	_, err := ParseState(data)
	return err == nil
}

// Format returns the content of the state file.
func (s *State) Format() []byte {
	data, _ := json.MarshalIndent(s, "", "  ") // maps of strings: cannot fail
	return append(data, '\n')
}

// Due returns the message that a webhook has not been sent yet, and false if there is none: a
// finding is sent once, until it changes, and the end of all drift once.
//
// A report that is not complete cannot show that a finding is gone.
func (s *State) Due(w Webhook, r Report) (Message, bool) {
	sent, found := s.Webhooks[w.id()], digests(r.Findings)
	m := Message{Event: EventDrift, Report: r}
	for digest, at := range found {
		if before, ok := sent[digest]; !ok || at != "" && at != before {
			m.New++
		}
	}
	for digest := range sent {
		if _, ok := found[digest]; !ok && r.Complete {
			m.Ended++
		}
	}
	if len(found) == 0 {
		m.Event = EventResolved
	}
	return m, m.New > 0 || m.Ended > 0
}

// Sent records that a webhook was sent what was due.
func (s *State) Sent(w Webhook, r Report) {
	before, now := s.Webhooks[w.id()], digests(r.Findings)
	for digest, at := range before {
		if found, ok := now[digest]; ok && found == "" || !ok && !r.Complete {
			now[digest] = at
		}
	}
	s.Webhooks[w.id()] = now
}

// digests returns the findings' digests, each with the time of its change in the audit log, which is
// empty if the log has no such change or was not read. A digest leaves out what is known about the
// value: whether it can be verified may change from run to run.
func digests(findings []planner.Drift) map[string]planner.Modified {
	all := map[string]planner.Modified{}
	for _, f := range findings {
		var scopes []string
		if f.Scopes != nil {
			scopes = f.Scopes.After
		}
		comment := ""
		if f.Comment != nil {
			comment = f.Comment.After
		}
		data, _ := json.Marshal([]any{f.Kind, f.Store.Account, f.Store.Name, f.Secret, scopes, comment, f.Status}) // cannot fail
		sum := sha256.Sum256(data)
		at := planner.Modified("")
		if f.Outside != nil {
			at = f.Outside.At
		}
		all[hex.EncodeToString(sum[:16])] = at
	}
	return all
}
