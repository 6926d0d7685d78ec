package cloudflare

import (
	"bytes"
	"encoding/json"

	"github.com/secretsync/secretsync/planner"
)

// envelope is what every answer of the API is wrapped in (docs/cloudflare-api.md §6).
type envelope struct {
	Success    *bool
	Errors     []apiError
	Result     json.RawMessage
	ResultInfo resultInfo `json:"result_info"`
}

// resultInfo is what an answer says about its list.
type resultInfo struct {
	raw json.RawMessage
	// total is of lists, which have no total_pages (docs/cloudflare-api.md §2).
	total *int
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *resultInfo) UnmarshalJSON(data []byte) error {
	var known struct {
		TotalCount *int `json:"total_count"`
	}
	err := json.Unmarshal(data, &known)
	i.raw, i.total = bytes.Clone(data), known.TotalCount
	return err
}

type apiError struct {
	Code    int
	Message string               // never shown: it may quote a request
	Chain   []struct{ Code int } `json:"error_chain"` // more exact codes
}

// decodeEnvelope returns nil for anything but an envelope. It returns no error, because a
// decoding error would quote the answer.
func decodeEnvelope(body []byte) *envelope {
	var env envelope
	if json.Unmarshal(body, &env) != nil || env.Success == nil {
		return nil
	}
	for _, e := range env.Errors {
		for _, more := range e.Chain {
			env.Errors = append(env.Errors, apiError{Code: more.Code})
		}
	}
	return &env
}

// result is the content of an answer, as the API writes it.
type result interface{ valid() bool }

// readResult decodes the result of an answer. It returns false if it is not a valid T.
func readResult[T result](env *envelope) (T, bool) {
	var r T
	ok := json.Unmarshal(env.Result, &r) == nil && r.valid()
	return r, ok
}

// wireStore is a store as the API writes it.
type wireStore struct{ ID, Name string }

func (s wireStore) id() string  { return s.ID }
func (s wireStore) valid() bool { return idPattern.MatchString(s.ID) && s.Name != "" }

// wireQuota is the account's quota as the API writes it.
type wireQuota struct {
	Secrets struct{ Usage, Quota *int }
}

func (q wireQuota) valid() bool { return q.Secrets.Usage != nil && q.Secrets.Quota != nil }

// wireSecret is a secret as the API writes it: without its value.
type wireSecret struct {
	ID, Name, Status  string
	Scopes            []string
	Comment           comment
	Created, Modified planner.Modified
}

func (s wireSecret) id() string  { return s.ID }
func (s wireSecret) valid() bool { return idPattern.MatchString(s.ID) && s.Name != "" }

func (s wireSecret) live() planner.LiveSecret {
	return planner.LiveSecret{
		ID: planner.SecretID(s.ID), Name: s.Name, Scopes: s.Scopes, Comment: s.Comment.text, Status: s.Status,
		Created: s.Created, Modified: s.Modified,
	}
}

// after converts the answer to a write. If the answer omits the comment, it is the comment that
// was sent, or else the earlier one.
func (s wireSecret) after(sent *string, before string) planner.LiveSecret {
	live := s.live()
	switch {
	case s.Comment.present:
	case sent != nil:
		live.Comment = *sent
	default:
		live.Comment = before
	}
	return live
}

// comment is a text or null, and may be left out (docs/cloudflare-api.md §1.2).
type comment struct {
	present bool
	text    string
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *comment) UnmarshalJSON(data []byte) error {
	c.present = true
	return json.Unmarshal(data, &c.text)
}
