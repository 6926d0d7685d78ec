package render

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner/planfile"
)

// Events writes what an apply does for programs: a JSON object a line, with the name
// of the event and its time. No event holds a value.
type Events struct {
	W   io.Writer
	Now func() time.Time
}

// head begins every event.
type head struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
}

func (e *Events) head(name string) head { return head{name, e.Now().UTC().Truncate(time.Millisecond)} }

// Plan is the first event: what the apply is about to do.
func (e *Events) Plan(f *planfile.File) error {
	return e.write(struct {
		head
		Plan *planfile.File `json:"plan"`
	}{e.head("plan"), f})
}

// Result writes an action that ended.
func (e *Events) Result(r applier.Result) error {
	message := ""
	if r.Err != nil {
		message = strings.ReplaceAll(r.Err.Error(), "\n", "; ")
	}
	return e.write(struct {
		head
		Op        string `json:"op"`
		AccountID string `json:"account_id"`
		Store     string `json:"store"`
		Secret    string `json:"secret,omitempty"`
		Outcome   string `json:"outcome"`
		Error     string `json:"error,omitempty"`
	}{e.head("result"), string(r.Action.Op), string(r.Action.Store.Account), r.Action.Store.Name, r.Action.Secret, string(r.Outcome), message})
}

// End is the last event: how many actions came to what. err is what the apply returned.
func (e *Events) End(r *applier.Report, err error) error {
	return e.write(struct {
		head
		Done     int  `json:"done"`
		Failed   int  `json:"failed"`
		Unknown  int  `json:"unknown"`
		Skipped  int  `json:"skipped"`
		Complete bool `json:"complete"`
	}{
		e.head("end"), r.Count(applier.Done), r.Count(applier.Failed), r.Count(applier.Unknown), r.Count(applier.Skipped),
		err == nil && r.Complete(),
	})
}

// write writes a line at once, so that lines of actions under way together stay whole.
func (e *Events) write(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := e.W.Write(visible.JSON(b.Bytes()))
	return err
}
