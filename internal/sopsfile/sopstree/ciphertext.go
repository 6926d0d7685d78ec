package sopstree

import (
	"strings"

	"github.com/secretsync/secretsync/internal/sopstext"
)

// CiphertextType returns the type in an encrypted value, ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]
// with x in base64. ok is false for any other text. SOPS itself also accepts a text that only begins
// like this. It uses no regular expression, because that takes longer than decrypting a short value.
func CiphertextType(text string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(text, sopstext.ValuePrefix)
	for _, field := range []string{"data:", ",iv:", ",tag:"} {
		var found bool
		rest, found = strings.CutPrefix(rest, field)
		n := 0
		for n < len(rest) && isBase64(rest[n]) {
			n++
		}
		rest, ok = rest[n:], ok && found && n > 0
	}
	rest, found := strings.CutPrefix(rest, ",type:")
	name, ended := strings.CutSuffix(rest, "]")
	if !ok || !found || !ended || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", false
	}
	return name, true
}

func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}

// IsCiphertext reports whether a value is an encrypted one.
func IsCiphertext(v any) bool {
	text, _ := v.(string)
	_, ok := CiphertextType(text)
	return ok
}
