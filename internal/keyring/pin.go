package keyring

import "regexp"

// PinVariable names the environment variable that can hold the id of the only
// fingerprint key to be used. Recipients are public, so a pull request could carry a
// lockfile with a key that its author knows, sealed for all who apply it; what the
// runner's environment says, a pull request cannot change.
const PinVariable = "SECRETSYNC_FINGERPRINT_KEY_ID"

var idForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// CheckPin refuses a key, by its id, that is not the pinned one. Where none is pinned
// it accepts any, and it accepts an empty id, which stands for no key.
func (r Ring) CheckPin(id string) error {
	pinned, ok := r.LookupEnv(PinVariable)
	switch {
	case !ok || pinned == "" || id == pinned:
		return nil
	case !idForm.MatchString(pinned): // not shown: it may be the key itself
		return errorf(ErrBadPin, "%s is not a fingerprint key's id: want 16 hexadecimal digits", PinVariable)
	case id == "":
		return nil
	}
	return errorf(ErrNotPinned, "the fingerprint key of %s is %s, but %s allows %s alone", r.Lockfile, id, PinVariable, pinned)
}

// checkUnpinned refuses to make a key where one is pinned: it would be another.
func (r Ring) checkUnpinned() error {
	if pinned, ok := r.LookupEnv(PinVariable); ok && pinned != "" {
		return errorf(ErrNotPinned, "%s names no fingerprint key, and %s allows no new one", r.Lockfile, PinVariable)
	}
	return nil
}
