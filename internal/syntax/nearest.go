package syntax

import "fmt"

// DidYouMean is a hint that names the candidate nearest to a word, or all of them
// where none is near and they are few.
func DidYouMean(word string, candidates []string) string {
	best, distance := "", len(word)/4+2
	for _, c := range candidates {
		if d := editDistance(word, c); d < distance {
			best, distance = c, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %s?", QuoteKey(best))
	case len(candidates) == 0 || len(candidates) > 12:
		return ""
	}
	hint := "known: "
	for i, c := range candidates {
		if i > 0 {
			hint += ", "
		}
		hint += QuoteKey(c)
	}
	return hint
}

// Mistyped returns a candidate of which a word is most likely a misspelling: it differs in at most
// two characters, and in fewer if the word is short. It returns "" if there is no such candidate.
func Mistyped(word string, candidates []string) string {
	for _, c := range candidates {
		if d := editDistance(word, c); d > 0 && d <= min(2, len(word)/5+1) {
			return c
		}
	}
	return ""
}

// editDistance is how many characters have to be inserted, removed or replaced.
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
