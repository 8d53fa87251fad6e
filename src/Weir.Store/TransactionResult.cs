// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>What became of a transaction.</summary>
/// <param name="Succeeded">False: a comparison did not hold, and nothing was changed.</param>
/// <param name="Revision">The store's afterwards: the transaction's own, if it changed something.</param>
public readonly record struct TransactionResult(bool Succeeded, long Revision);
