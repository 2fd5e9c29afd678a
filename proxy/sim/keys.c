/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/keys.h"

/* Made once, for nothing but simulations: the same keys give the same signatures and so the same
 * results. Nobody may trust them. */
const char pl_sim_root_key[] =
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhANOWOd4NeZV3E+wA\n"
  "QznahsBQIFEV8Q66fDR43m7QUI5hoAoGCCqGSM49AwEHoUQDQgAEZIuTUOV+aYoi\n"
  "8/OgRw+c+ZdyRv10fBgccB2es+LCXzMaFNMnlngMesUs9/uwkOCNOQQjwD5DM6Q+\n"
  "Vu3TmF0yXA==\n"
  "-----END PRIVATE KEY-----\n"
  ;

const char pl_sim_root_cert[] =
  "-----BEGIN CERTIFICATE-----\n"
  "MIIBsjCCAVigAwIBAgIQSOltG90sFIoG7SUJ807rtTAKBggqhkjOPQQDAjAnMSUw\n"
  "IwYDVQQDExxzaW0ucGVlcmxpbmUuZXhhbXBsZSBvdmVybGF5MB4XDTI1MTIzMTIz\n"
  "MDAwMFoXDTM1MTIzMDAwMDAwMFowJzElMCMGA1UEAxMcc2ltLnBlZXJsaW5lLmV4\n"
  "YW1wbGUgb3ZlcmxheTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGSLk1DlfmmK\n"
  "IvPzoEcPnPmXckb9dHwYHHAdnrPiwl8zGhTTJ5Z4DHrFLPf7sJDgjTkEI8A+QzOk\n"
  "Plbt05hdMlyjZjBkMBIGA1UdEwEB/wQIMAYBAf8CAQAwDgYDVR0PAQH/BAQDAgEG\n"
  "MB0GA1UdDgQWBBSPun7IX2Im4aFAACfrtvlPRVNe1DAfBgNVHSMEGDAWgBSPun7I\n"
  "X2Im4aFAACfrtvlPRVNe1DAKBggqhkjOPQQDAgNIADBFAiBb+DfC1cT+YXVyb65c\n"
  "8hnyaO9rtV9Ns5c+nCveGX82pAIhAOchDJQ4WYeLuJO5h1dXmBGSOg4zOTL1wDSS\n"
  "DnpC0jNs\n"
  "-----END CERTIFICATE-----\n"
  ;

const char *const pl_sim_keys[PL_SIM_KEYS] = {
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhAOF7aWcP9mRpxKY/\n"
  "8mHCXvp4JtO/tUOIAVbDkde7K4a8oAoGCCqGSM49AwEHoUQDQgAETHARDUSw/Yr6\n"
  "Jm/fhHEfwoEruDqegnjf9VB1E8nQo1+9SfiRt6U76Ojqi41TGFoK3VmTZNyS/zDr\n"
  "vgrw1wLecQ==\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQgMJlOsNopIOJ5UwVN\n"
  "gfsCud7L1ASqKGlHJBCpixZ8X6egCgYIKoZIzj0DAQehRANCAAQ0BQGHHruaUBRW\n"
  "Fl5wMMslrApxzUY9ELnhF3wAhMvvLC12dH+dR31Eq7NBbeYHKzi1j3yhAh396wCQ\n"
  "ap7pODYV\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhAP9YdN8U8R00YQKK\n"
  "W5pgnSYsqIgpF+VOYHJdAtAWfD7LoAoGCCqGSM49AwEHoUQDQgAEnKOz0m6pckpJ\n"
  "a/zvsl3tPlYzMoJBSvZKK9F6xcJb4tyDxA2yEo6Gnla1bxIiHAqXNkV7d8bJMzAo\n"
  "jqHEbIBaSg==\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQgZfq+Z6duRTaT/PlZ\n"
  "vYWvcld2ZSeSPiIiZEnDI8Mg8j2gCgYIKoZIzj0DAQehRANCAAT9GKI3sVXWQx+I\n"
  "ugg3gU2wOSyrcuT1FspzuDfIK4mT32ogixQ5/OpfZXpRxX26OrMZz7tVRUq+TRMU\n"
  "XvzJu52e\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhANOdR6lPqvOaiaCL\n"
  "yaFMVi3rW6pbu4DThdFI5xAnw1s2oAoGCCqGSM49AwEHoUQDQgAE5Wj1LdOGjcGf\n"
  "4J4BReyU+2zsNfs8gNSqh3NKL9HJ9ROnlQNBAFRVzsBwkECCf+VticO+B91106+1\n"
  "fgCjYmeRMA==\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhAIgNG4Ngey/SJTi4\n"
  "TrHDsOWMBHW8+1Zk9z7CoMrfxPGDoAoGCCqGSM49AwEHoUQDQgAEwZjkOPDqJcAY\n"
  "9Q8ffKxNS2JfokWcrc7migACzhqe9SRKLiRgTx2vh21+i+jU+vQxppAvaxk73iAu\n"
  "QbjrtiI++A==\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhAMn/2TjoGXNYXB6G\n"
  "NEvqXVOLDZApnpoA70VUDZJt8rjKoAoGCCqGSM49AwEHoUQDQgAEkBVcJmQbQIW7\n"
  "s/rSy51IKQIFe/9Pjbqw3/dCRIeUSLm0PPVBEd4SOH7KSa/rHCBI+57Rw7K2NoVL\n"
  "uiNQWJ2ShA==\n"
  "-----END PRIVATE KEY-----\n"
  ,
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGUAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHoweAIBAQQhAPy98ySPRiwKj6Sq\n"
  "gjNzUNcVxP5a2pmNd6Bf8O1xaOmuoAoGCCqGSM49AwEHoUQDQgAEhyySebxunHPB\n"
  "dOOEprBg9ytzB8ux4PV7H7fL74ILv32lY7DKR3Ur/mLADCB0aufP213siGkQSG+p\n"
  "N180LiS9+A==\n"
  "-----END PRIVATE KEY-----\n"
  ,
};
