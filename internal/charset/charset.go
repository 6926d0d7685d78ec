// Package charset recognises text that is not plain UTF-8, as some programs of Windows write
// it.
package charset

import "bytes"

// BOM is the byte order mark of UTF-8, which some editors write before the text.
const BOM = "\ufeff"

// Hint is what to do about text that [UTF16] recognises.
const Hint = "save it as UTF-8: > in Windows PowerShell writes UTF-16"

// UTF16 returns the name of an encoding, "UTF-16" or "UTF-32", that a text has by its byte
// order mark or, without one, by its zero bytes. It returns "" for any other data.
func UTF16(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff}):
		return "UTF-32"
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}), alternating(data):
		return "UTF-16"
	}
	return ""
}

// alternating reports whether nearly every second byte is zero, and hardly any of the others,
// as in text of Latin letters in UTF-16.
func alternating(data []byte) bool {
	const enough = 4096
	if len(data)%2 != 0 || len(data) < 4 {
		return false
	}
	data = data[:min(len(data), enough)]
	var zeros [2]int
	for i, b := range data {
		if b == 0 {
			zeros[i%2]++
		}
	}
	return min(zeros[0], zeros[1])*32 <= len(data) && max(zeros[0], zeros[1])*8 >= len(data)*3
}
