package sopstree_test

import (
	"regexp"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile/sopstree"
)

// An encrypted value is recognised exactly where this expression matches, whichever byte is missing,
// doubled or changed.
func TestCiphertextType(t *testing.T) {
	form := regexp.MustCompile(`^ENC\[AES256_GCM,data:[A-Za-z0-9+/=]+,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:([a-z]+)\]$`)
	texts := []string{"", "text", "ENC[", "ENC[AES256_GCM]", "ENC[AES256_GCM,data:,iv:a,tag:a,type:str]", "ENC[AES256_GCM,data:a,iv:,tag:,type:]"}
	for _, text := range []string{"ENC[AES256_GCM,data:aZ09+/=,iv:b,tag:c=,type:str]", "ENC[AES256_GCM,data:a,iv:b,tag:c,type:s]"} {
		texts = append(texts, text, text+"\n", " "+text)
		for i := range text {
			texts = append(texts, text[:i]+text[i+1:], text[:i]+text[i:i+1]+text[i:])
			for _, other := range "aZ9`{@[/:+=,\n" {
				texts = append(texts, text[:i]+string(other)+text[i+1:])
			}
		}
	}
	matching := 0
	for _, text := range texts {
		m := form.FindStringSubmatch(text)
		want := ""
		if m != nil {
			want = m[1]
			matching++
		}
		if got, ok := sopstree.CiphertextType(text); got != want || ok != (m != nil) {
			t.Errorf("%q: %q, %v, want %q", text, got, ok, want)
		}
	}
	if matching < 50 || len(texts)-matching < 50 {
		t.Errorf("%d of %d texts match", matching, len(texts))
	}
}
