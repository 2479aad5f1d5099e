/* SPDX-License-Identifier: Apache-2.0
 *
 * boosted.h - gradient boosted trees, learnt by XGBoost's histogram method.
 *
 * Numbers are float32 there. The label of a regression is shifted by its mean before, so that a label of large
 * numbers keeps its digits. Sums are split by the number of threads, which is therefore a parameter of the
 * statement and not a matter of the machine: the same statement gives the same trees anywhere.
 */
#ifndef PS_MODEL_BOOSTED_H
#define PS_MODEL_BOOSTED_H

#include "base/option.h"
#include "model/estimator.h"

struct ps_boosted_config {
    int64_t max_depth, max_iter, max_bins, max_leaves, min_instances_per_node, early_stopping_rounds, seed,
        thread_count;
    double step_size, subsampling_rate, min_child_weight, column_share_tree, column_share_level,
        column_share_node, lambda, alpha, gamma, max_delta_step, scale_pos_weight, validation_fraction,
        huber_slope, tweedie_power;
    const char *feature_subset_strategy, *tree_method, *grow_policy, *loss_type, *objective, *thresholds,
        *weight_column;
};
extern const struct ps_option ps_boosted_options[];

penstock_code ps_boosted_check(const void *config, struct penstock_error *error) PENSTOCK_MUST_USE;
enum ps_task ps_boosted_task(const void *config, size_t class_count, bool is_text);
penstock_code ps_boosted_fit(const void *config, const struct ps_training_set *set,
                             const struct ps_predictor *start, struct ps_fit_result *result_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
