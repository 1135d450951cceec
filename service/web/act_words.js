// What is done here, in Chinese, by the names that the audit log keeps; what is not listed is shown by its name alone.
// The console reads its words here, too: each stands as `name: "…"`.

export const ACT_WORDS = {
  read_standards: "读取属性标准", list_layers: "列出图层", read_jobs: "查看任务", read_statistics: "读取统计", read_departments: "读取部门", read_open_work: "查看待办",
  read_layer: "读取图层", compare_versions: "比较版本", define_layer: "定义图层", upload_version: "上传版本", bring_into_force: "启用版本", withdraw_version: "撤回版本", export_layer: "导出图层",
  check_footprint: "检查红线", meet_restricted: "涉及受限图层", read_check: "读取检查", keep_check: "保存检查", check_batch: "批量检查", read_batch: "读取批量检查", verify_report: "核验报告", compare_reports: "对比报告", search_sites: "辅助选址",
  audit_plans: "规划核查", judge_difference: "认可差异", put_rules_in_force: "规则集生效", download_rules: "下载规则集", cancel_job: "取消任务",
  register_project: "登记项目", read_project: "读取项目", consult_departments: "征求意见", read_opinion_requests: "读取意见征询", give_opinion: "反馈意见", enter_opinion: "代录意见",
  handle_request: "内部办理", review_draft: "审核意见", issue_opinion: "签发意见", stop_clock: "停表", restart_clock: "恢复计时", contest_finding: "提出异议", decide_contest: "处理异议",
  settle_disagreement: "解决分歧", attach_file: "上传附件", read_attachment: "读取附件", ask_for_guidance: "请求指导", give_guidance: "业务指导", close_overdue: "逾期收回", read_notice: "已读通知",
  read_generation_opinion: "读取策划生成意见书", clear_project: "通过项目", push_handover: "推送", resend_handover: "重推", receive_handover: "接收推送", read_refused_handover: "读取被拒推送",
  read_case: "读取办件", bind_project_code: "绑定项目代码", prepare_case: "准备办件", advance_case: "推进办件", lead_stage: "牵头阶段", accept_item: "受理事项", decide_item: "办结事项",
  give_material: "提交材料", supervise: "督办", settle_matter: "处理事由", exchange_data: "数据交换",
  request_access: "申请数据", grant_access: "数据授权", read_grants: "读取授权", read_exports: "读取导出登记", read_audit_log: "查阅日志", export_audit_log: "导出日志", retire_audit_log: "归档日志",
  administer_accounts: "账户管理", name_responsible: "确定责任科室", organise_department: "科室安排", arrange_stand_in: "安排代理", end_stand_in: "结束代理",
  sign_in: "登录", sign_out: "退出", sign_out_everywhere: "全部退出", give_code: "动态口令", change_credential: "修改密码", reset_credential: "重置密码", revoke_sessions: "强制退出",
  deactivate_person: "停用账户", begin_second_factor: "开始设置动态口令", enrol_second_factor: "启用动态口令", renew_recovery_codes: "更换恢复码", remove_second_factor: "取消动态口令", reset_second_factor: "重置动态口令",
  issue_credential: "签发令牌", revoke_credential: "吊销令牌", back_up_database: "备份", register_crs: "登记坐标系",
};
