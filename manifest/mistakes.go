package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/internal/syntax"
)

// mistake makes one error. hint may be empty.
func mistake(at syntax.Pos, hint, what string, args ...any) *syntax.Error {
	return &syntax.Error{Pos: at, Hint: hint, What: fmt.Sprintf(what, args...)}
}

// mistakesOf returns the mistakes that an error lists. Of an error that is not
// ours it tells nothing: it may quote plaintext.
func mistakesOf(err error) syntax.ErrorList {
	var list syntax.ErrorList
	var one *syntax.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &list):
		return list
	case errors.As(err, &one):
		return syntax.ErrorList{one}
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return syntax.ErrorList{{What: "interrupted"}}
	}
	return syntax.ErrorList{{What: "the SOPS file cannot be decrypted"}}
}

// located says at a place of the manifest what is wrong in another file, to which
// it refers.
func located(at syntax.Pos, e *syntax.Error) *syntax.Error {
	switch {
	case e.Pos.File == at.File && e.Pos.Line > 0:
		return e
	case e.Pos.File == "" || e.Pos.File == at.File:
		return &syntax.Error{Pos: at, What: e.What, Hint: e.Hint}
	}
	return &syntax.Error{Pos: at, What: e.Pos.String() + ": " + e.What, Hint: e.Hint}
}

// didYouMean is a hint that names the candidate nearest to a word, or all of them
// where none is near and they are few.
func didYouMean(word string, candidates []string) string {
	best, distance := "", len(word)/4+2
	for _, c := range candidates {
		if d := editDistance(word, c); d < distance {
			best, distance = c, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %s?", syntax.QuoteKey(best))
	case len(candidates) == 0 || len(candidates) > 12:
		return ""
	}
	hint := "known: "
	for i, c := range candidates {
		if i > 0 {
			hint += ", "
		}
		hint += syntax.QuoteKey(c)
	}
	return hint
}

// editDistance is how many characters have to be put in, taken out or exchanged.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// sortedKeys returns a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
