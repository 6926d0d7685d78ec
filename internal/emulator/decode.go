package emulator

import (
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"
)

// maxValue is the longest value, in bytes of UTF-8 (docs/cloudflare-api.md §5).
const maxValue = 65536

// newStore is the request body that creates a store.
type newStore struct {
	Name string `json:"name"`
}

// newSecret is an item of the request that creates secrets. Without the value, it is also
// the request body of a duplication.
type newSecret struct {
	Name    string   `json:"name"`
	Value   *string  `json:"value"`
	Scopes  []string `json:"scopes"`
	Comment *string  `json:"comment"`
}

// patch is the request body that changes a secret. A field that is absent or null leaves
// the secret's as it is; a name is ignored (docs/cloudflare-api.md §1.4).
type patch struct {
	Value   *string  `json:"value"`
	Scopes  []string `json:"scopes"`
	Comment *string  `json:"comment"`
}

// secretID is an item of a bulk delete.
type secretID struct {
	ID string `json:"id"`
}

// decode reads a body of exactly the form T, which may not be null. The error never quotes
// the body, which may contain a value.
func decode[T any](body io.Reader) (T, error) {
	var form *T
	data, err := io.ReadAll(body)
	// encoding/json would replace invalid UTF-8, and so change a value silently.
	if err != nil || !utf8.Valid(data) || json.Unmarshal(data, &form) != nil || form == nil {
		return *new(T), errInvalidBody
	}
	return *form, nil
}

// decodeItems reads a non-empty array.
func decodeItems[T any](body io.Reader) ([]T, error) {
	items, err := decode[[]T](body)
	if err == nil && len(items) == 0 {
		err = errInvalidBody
	}
	return items, err
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// check validates the fields that creation and duplication share.
func (s newSecret) check() error {
	switch {
	case s.Name == "":
		return errNameEmpty
	case !validName.MatchString(s.Name):
		return errNameInvalid
	}
	return checkScopes(s.Scopes)
}

// checkScopes accepts the scopes in docs/cloudflare-api.md §4.
func checkScopes(scopes []string) error {
	if len(scopes) == 0 {
		return errScopesEmpty
	}
	for _, s := range scopes {
		switch s {
		case "workers", "ai_gateway", "dex", "access", "containers", "websearch":
		default:
			return errScopeInvalid
		}
	}
	return nil
}

// sorted returns scopes in the order in which the API returns them, regardless of the order
// in the request (docs/cloudflare-api.md §1.2).
func sorted(scopes []string) []string {
	s := slices.Clone(scopes)
	slices.Sort(s)
	return slices.Compact(s)
}

// checkValue accepts an empty value: it is unknown whether Cloudflare does.
func checkValue(value string) error {
	if len(value) > maxValue {
		return errValueTooLong
	}
	return nil
}
