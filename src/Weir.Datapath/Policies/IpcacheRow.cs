// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Datapath;

/// <summary>A prefix and who stands behind it.</summary>
public readonly record struct IpcacheRow(IpPrefix Prefix, Identity Identity);
