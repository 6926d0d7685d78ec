package buildinfo

import "regexp"

// Page returns the address of a file of the repository, as it was in the version that is running. A build
// that is no release has that of the main branch.
func Page(path string) string {
	return "https://github.com/secretsync/secretsync/blob/" + ref(Version()) + "/" + path
}

// ref is the tag of a version, or the main branch for one without: it ends in the commit's time and
// hash, or in what was changed.
func ref(version string) string {
	if regexp.MustCompile(`^v\d+\.\d+\.\d+(-(alpha|beta|rc)\.?\d+)?$`).MatchString(version) {
		return version
	}
	return "main"
}
