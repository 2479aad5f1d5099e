/* SPDX-License-Identifier: Apache-2.0
 *
 * transform.c - the table of transforms.
 */
#include "model/transform.h"

const struct ps_transform_type *const ps_transform_types[] = {
    &ps_outlier_filter_type,
    &ps_variance_selector_type,
    &ps_standard_scaler_type,
    &ps_min_max_scaler_type,
    &ps_max_abs_scaler_type,
    &ps_robust_scaler_type,
    &ps_normalizer_type,
    &ps_elementwise_product_type,
    &ps_imputer_type,
    &ps_binarizer_type,
    &ps_bucketizer_type,
    &ps_quantile_discretizer_type,
    &ps_cyclic_encoder_type,
    &ps_string_indexer_type,
    &ps_one_hot_encoder_type,
    &ps_target_encoder_type,
    &ps_feature_hasher_type,
    &ps_polynomial_expansion_type,
    &ps_interaction_type,
    &ps_pca_type,
    NULL,
};

const struct ps_transform_type *ps_transform_find(const char *name) {
    for (size_t i = 0; ps_transform_types[i] != NULL; i++) {
        if (ps_option_name_equal(ps_transform_types[i]->name, name)) {
            return ps_transform_types[i];
        }
    }
    return NULL;
}
