// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Testing;

/// <summary>A file of tests, null where a problem is an error.</summary>
public sealed record PolicyTestReadResult(PolicyTestFile? File, IReadOnlyList<Problem> Problems);
