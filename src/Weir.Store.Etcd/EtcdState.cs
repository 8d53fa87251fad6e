// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Etcd;

/// <summary>How it stands with etcd, for people.</summary>
/// <param name="Endpoint">In use; null: there is none.</param>
/// <param name="Since">When this one was first in use, or the last one was lost.</param>
/// <param name="LastError">What went wrong last, and stays to be seen when all is well again; null: nothing.</param>
/// <param name="Silence">Since etcd's last answer that was of the moment: so old may be what is known. It is below two request
/// time-outs while all is well. Null: there was none yet.</param>
/// <param name="Revision">The highest that was seen.</param>
public sealed record EtcdState(string? Endpoint, DateTimeOffset Since, string? LastError, TimeSpan? Silence, long Revision);
