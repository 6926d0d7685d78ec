package sopsfile

import "time"

// CiphertextType is what recognises an encrypted value.
var CiphertextType = ciphertextType

// SetTime sets how long the decryption of a file may take.
func (o *Opener) SetTime(d time.Duration) { o.time = d }
