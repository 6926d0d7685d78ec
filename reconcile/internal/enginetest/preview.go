package enginetest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/internal/witness/witnesstest"
	"github.com/secretsync/secretsync/planner"
)

// errRejected is the error of a binding whose secret is not for Workers.
var errRejected = errors.New("rejected")

// Preview runs an uploaded witness, as the call "preview" with the names of its secrets.
func (a *Account) Preview(ctx context.Context, u witness.Upload) (witness.Preview, error) {
	w := &witnesstest.Worker{Texts: map[string]string{}, Secrets: map[string]func() (string, error){}, Now: a.Clock}
	for _, t := range u.Texts {
		w.Texts[t.Binding] = string(t.Text.Reveal())
	}
	var names []string
	for _, s := range u.Secrets {
		names = append(names, s.SecretName)
		w.Secrets[s.Binding] = func() (string, error) { return a.read(planner.StoreID(s.StoreID), s.SecretName) }
	}
	err := a.call(ctx, "preview "+strings.Join(names, ","), func() error { return nil })
	if err != nil {
		return nil, &witness.StepError{Step: witness.StepUpload, Err: err}
	}
	return preview{w}, nil
}

// read is a binding's get().
func (a *Account) read(store planner.StoreID, name string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, st := range a.Stores {
		if l, ok := st.Secrets[name]; ok && st.ID == store {
			if !slices.Contains(l.Scopes, planner.ScopeWorkers) {
				return "", errRejected
			}
			return st.Values[name], nil
		}
	}
	return "", witnesstest.ErrNotFound
}

type preview struct{ worker *witnesstest.Worker }

func (p preview) Post(_ context.Context, body []byte, _ int64) (int, []byte, error) {
	status, answer := p.worker.Post(http.MethodPost, body)
	return status, answer, nil
}
