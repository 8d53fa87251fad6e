// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>Holds while a record is as it was seen.</summary>
/// <param name="ModRevision">The record's; 0: there is none.</param>
public readonly record struct Comparison(string Key, long ModRevision);
