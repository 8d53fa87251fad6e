// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>All allowances in one record, so that it is replaced whole.</summary>
internal sealed record KeptAllowances(IReadOnlyList<PublishAllowance> Allowances);
