package state

// SecretPlace is what a value of a secret is sealed for. A ciphertext that is
// moved to another secret or key does not open.
func SecretPlace(secret, key string) string { return "secrets/" + secret + "/" + key }
