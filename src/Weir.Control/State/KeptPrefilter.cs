// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.State;

/// <summary>The prefilter in one record, so that it is replaced whole.</summary>
internal sealed record KeptPrefilter(IReadOnlyList<IpPrefix> Prefixes);
