package charset_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/secretsync/secretsync/internal/charset"
)

func TestUTF16(t *testing.T) {
	text := "name: \"Ä naïve tëxt with € and 😀\"\r\n" + strings.Repeat("and more of it\r\n", 1000)
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		for _, mark := range []string{"\ufeff", ""} {
			for _, text := range []string{text, "{}", "日本" + mark} {
				var data, wide []byte
				for _, u := range utf16.Encode([]rune(mark + text)) {
					data = order.AppendUint16(data, u)
				}
				for _, r := range mark + text {
					wide = order.AppendUint32(wide, uint32(r))
				}
				want, wantWide := "UTF-16", "UTF-32"
				if mark == "" { // there is nothing to tell other scripts, and UTF-32, by
					wantWide = ""
					if strings.HasPrefix(text, "日") {
						want = ""
					}
				}
				if got := charset.UTF16(data); got != want {
					t.Errorf("%s endian, marked %v, %.9q: %q, want %q", name, mark != "", text, got, want)
				}
				if got := charset.UTF16(wide); got != wantWide {
					t.Errorf("%s endian, marked %v, %.9q: %q, want %q", name, mark != "", text, got, wantWide)
				}
			}
		}
	}
	for _, other := range []string{"", "a", "ab", "a\x00", text, charset.BOM + text, "\x00\x00\x00\x00", "a\x00\x00\x00b", "a\x00b\x00c", "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"} {
		if got := charset.UTF16([]byte(other)); got != "" {
			t.Errorf("%.9q: %q", other, got)
		}
	}
	if got := charset.UTF16(bytes.Repeat([]byte{'a', 0}, 3)); got != "UTF-16" {
		t.Errorf("three letters: %q", got)
	}
}
