//go:build suites

package syntax

const (
	emptyManifest = "a file that says nothing is a mistake: it was truncated, or is the wrong file"
	duplicateKey  = "the JSON grammar allows a key twice, but its readers disagree on the value"
	deleteControl = "the JSON grammar allows the character DEL, which is invisible in a review"
)

var (
	tomlJudged = judged{
		"valid/comment/noeol":    emptyManifest,
		"valid/comment/nonascii": emptyManifest,
		"valid/empty-crlf":       emptyManifest,
		"valid/empty-lf":         emptyManifest,
		"valid/empty-nothing":    emptyManifest,
		"valid/empty-space":      emptyManifest,
		"valid/empty-tab":        emptyManifest,
	}
	yamlJudged = judged{}
	jsonJudged = judged{
		"y_object_duplicated_key.json":           duplicateKey,
		"y_object_duplicated_key_and_value.json": duplicateKey,
		"y_string_unescaped_char_delete.json":    deleteControl,
		"y_string_with_del_character.json":       deleteControl,
	}
)
